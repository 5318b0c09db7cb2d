/* A Modbus/TCP server in the plainest use of libmodbus: one thread, select(), modbus_receive, modbus_reply.
   It prints its port and its version, and answers until its standard input ends. */
#include <arpa/inet.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in place;
    socklen_t length = sizeof place;
    memset(&place, 0, sizeof place);
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&place, sizeof place) != 0 || listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&place, &length) != 0) {
        perror("listen");
        return 1;
    }
    modbus_t *context = modbus_new_tcp("127.0.0.1", 502);
    modbus_mapping_t *mapping = modbus_mapping_new(2048, 2048, 2048, 2048);
    if (context == NULL || mapping == NULL) {
        fputs("no memory\n", stderr);
        return 1;
    }
    printf("%d %s\n", ntohs(place.sin_port), LIBMODBUS_VERSION_STRING);
    fflush(stdout);

    fd_set all;
    FD_ZERO(&all);
    FD_SET(STDIN_FILENO, &all);
    FD_SET(listener, &all);
    int highest = listener;
    for (;;) {
        fd_set ready = all;
        if (select(highest + 1, &ready, NULL, NULL, NULL) < 0) {
            perror("select");
            return 1;
        }
        if (FD_ISSET(STDIN_FILENO, &ready)) {
            return 0;
        }
        for (int fd = STDIN_FILENO + 1; fd <= highest; fd++) {
            if (!FD_ISSET(fd, &ready)) {
                continue;
            }
            if (fd == listener) {
                int connection = accept(listener, NULL, NULL);
                if (connection < 0 || connection >= FD_SETSIZE) {
                    continue;
                }
                int on = 1;
                setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                FD_SET(connection, &all);
                highest = connection > highest ? connection : highest;
                continue;
            }
            uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
            modbus_set_socket(context, fd);
            int count = modbus_receive(context, query);
            if (count > 0) {
                modbus_reply(context, query, count, mapping);
            } else if (count < 0) {
                close(fd);
                FD_CLR(fd, &all);
            }
        }
    }
}
