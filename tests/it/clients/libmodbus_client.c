/* Works every function that libmodbus knows against a controller on a port of loopback. */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>

#define SETPOINT 1024
#define SPARE_COIL 64

static modbus_t *ctx;

static void check(int ok, const char *what) {
    if (!ok) {
        printf("%s: %s\n", what, modbus_strerror(errno));
        exit(1);
    }
}

int main(int argc, char **argv) {
    uint16_t words[16];
    uint8_t bits[16] = {0};
    uint8_t identity[MODBUS_MAX_PDU_LENGTH];
    if (argc != 2) {
        return 2;
    }
    ctx = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_set_slave(ctx, 1);
    modbus_set_response_timeout(ctx, 10, 0);
    check(modbus_connect(ctx) == 0, "connect");
    check(modbus_read_bits(ctx, 0, 8, bits) == 8, "read coils");
    check(modbus_read_input_bits(ctx, 0, 8, bits) == 8, "read discrete inputs");
    check(modbus_read_input_registers(ctx, 0, 11, words) == 11, "read input registers");
    check(words[0] > 2600 && words[0] < 2800, "pressure");
    check(modbus_read_registers(ctx, SETPOINT, 1, words) == 1 && words[0] == 2700, "setpoint");
    check(modbus_write_register(ctx, SETPOINT, 2705) == 1, "write register");
    words[0] = 2710;
    check(modbus_write_registers(ctx, SETPOINT, 1, words) == 1, "write registers");
    check(modbus_mask_write_register(ctx, SETPOINT, 0xFFFF, 0) == 1, "mask write");
    words[1] = 2705;
    check(modbus_write_and_read_registers(ctx, SETPOINT, 1, words + 1, SETPOINT, 1, words) == 1, "write and read");
    check(words[0] == 2705, "value read back");
    check(modbus_write_bit(ctx, SPARE_COIL, 1) == 1, "write coil");
    bits[0] = 1;
    bits[1] = 0;
    check(modbus_write_bits(ctx, SPARE_COIL, 2, bits) == 2, "write coils");
    check(modbus_report_slave_id(ctx, sizeof identity, identity) > 0, "report server id");
    errno = 0;
    check(modbus_read_registers(ctx, 65000, 10, words) == -1 && errno == EMBXILADD, "exception for a wrong address");
    modbus_close(ctx);
    modbus_free(ctx);
    printf("all right\n");
    return 0;
}
