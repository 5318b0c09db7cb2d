/* Sends every function code with libmodbus, those that it does not know as raw requests, and prints one line each:
   the function with its sub-function, then `data` or the number of the exception. */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETPOINT 1024
#define SPARE_REGISTER 1124
#define SPARE_COIL 64
#define UNIT 1

static modbus_t *ctx;

static void known(const char *name, int result) {
    if (result >= 0) {
        printf("%s data\n", name);
    } else if (errno > MODBUS_ENOBASE && errno < MODBUS_ENOBASE + MODBUS_EXCEPTION_MAX) {
        printf("%s %d\n", name, errno - MODBUS_ENOBASE);
    } else {
        printf("%s %s\n", name, modbus_strerror(errno));
    }
}

static void raw(const char *name, const uint8_t *pdu, int length) {
    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH], answer[MODBUS_TCP_MAX_ADU_LENGTH];
    int header = modbus_get_header_length(ctx);
    request[0] = UNIT;
    memcpy(request + 1, pdu, length);
    if (modbus_send_raw_request(ctx, request, length + 1) < 0 || modbus_receive_confirmation(ctx, answer) <= header) {
        printf("%s %s\n", name, modbus_strerror(errno));
    } else if (answer[header] == pdu[0]) {
        printf("%s data\n", name);
    } else if (answer[header] == (pdu[0] | 0x80)) {
        printf("%s %d\n", name, answer[header + 1]);
    } else {
        printf("%s function %d instead\n", name, answer[header]);
    }
    /* libmodbus reads as much of an answer as it knows; the rest is in its way. */
    modbus_flush(ctx);
}

#define RAW(name, ...)                          \
    do {                                        \
        const uint8_t pdu[] = {__VA_ARGS__};    \
        raw(name, pdu, (int)sizeof pdu);        \
    } while (0)

int main(int argc, char **argv) {
    uint16_t words[2] = {1, 2};
    uint8_t bits[8] = {0}, identity[MODBUS_MAX_PDU_LENGTH];
    if (argc != 2) {
        return 2;
    }
    ctx = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_set_slave(ctx, UNIT);
    modbus_set_response_timeout(ctx, 10, 0);
    if (modbus_connect(ctx) != 0) {
        return 1;
    }
    known("1", modbus_read_bits(ctx, 0, 8, bits));
    known("2", modbus_read_input_bits(ctx, 0, 8, bits));
    known("3", modbus_read_registers(ctx, SETPOINT, 2, words));
    known("4", modbus_read_input_registers(ctx, 0, 2, words));
    known("5", modbus_write_bit(ctx, SPARE_COIL, 1));
    known("6", modbus_write_register(ctx, SPARE_REGISTER, 1));
    RAW("7", 7);
    RAW("8/0", 8, 0, 0, 0x12, 0x34);
    RAW("8/1", 8, 0, 1, 0, 0);
    RAW("8/2", 8, 0, 2, 0, 0);
    RAW("8/10", 8, 0, 10, 0, 0);
    RAW("8/11", 8, 0, 11, 0, 0);
    RAW("8/12", 8, 0, 12, 0, 0);
    RAW("8/13", 8, 0, 13, 0, 0);
    RAW("8/14", 8, 0, 14, 0, 0);
    RAW("8/15", 8, 0, 15, 0, 0);
    RAW("8/16", 8, 0, 16, 0, 0);
    RAW("8/17", 8, 0, 17, 0, 0);
    RAW("8/18", 8, 0, 18, 0, 0);
    RAW("8/20", 8, 0, 20, 0, 0);
    RAW("11", 11);
    RAW("12", 12);
    known("15", modbus_write_bits(ctx, SPARE_COIL, 2, bits));
    known("16", modbus_write_registers(ctx, SPARE_REGISTER, 2, words));
    known("17", modbus_report_slave_id(ctx, sizeof identity, identity));
    RAW("20", 20, 7, 6, 0, 1, 0, 0, 0, 2);
    RAW("21", 21, 9, 6, 0, 1, 0, 0, 0, 1, 0x12, 0x34);
    known("22", modbus_mask_write_register(ctx, SPARE_REGISTER, 0xFFFF, 0));
    known("23", modbus_write_and_read_registers(ctx, SPARE_REGISTER, 1, words, SETPOINT, 1, words));
    RAW("24", 24, 4, 0);
    RAW("43/14/1", 43, 14, 1, 0);
    RAW("43/14/2", 43, 14, 2, 0);
    RAW("43/14/3", 43, 14, 3, 0);
    RAW("43/14/4", 43, 14, 4, 0);
    modbus_close(ctx);
    modbus_free(ctx);
    return 0;
}
