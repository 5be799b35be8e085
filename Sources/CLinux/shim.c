#include "CLinux.h"

#include <stddef.h>
#include <sys/syscall.h>

int certd_accept4(int fd, struct sockaddr_storage *address, socklen_t *length, int flags) {
    return accept4(fd, (struct sockaddr *)address, length, flags);
}

int certd_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

int certd_openat(int directory, const char *path, int flags, mode_t mode) { return openat(directory, path, flags, mode); }

int certd_fcntl(int fd, int command, int argument) { return fcntl(fd, command, argument); }

int certd_gettid(void) { return (int)syscall(SYS_gettid); }

int certd_prctl(int option, unsigned long argument) { return prctl(option, argument, 0, 0, 0); }

int certd_pin_thread(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set);
}

int certd_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

void certd_ignore_signal(int number) { signal(number, SIG_IGN); }

void certd_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

char **certd_environment(void) { return environ; }

int certd_pipe2(int ends[2], int flags) { return pipe2(ends, flags); }

int certd_spawn_closefrom(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

int certd_get_descriptor_limit(struct rlimit *limit) { return getrlimit(RLIMIT_NOFILE, limit); }

int certd_set_descriptor_limit(const struct rlimit *limit) { return setrlimit(RLIMIT_NOFILE, limit); }

int certd_set_descriptor_limit_of(pid_t process, const struct rlimit *limit) {
  return prlimit(process, RLIMIT_NOFILE, limit, NULL);
}

int certd_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int certd_send_to_unix(const char *address, const void *data, size_t count, const int *descriptors, int descriptor_count) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t length = strlen(address);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * 64)];
    } control;
    if (length >= sizeof to.sun_path || descriptor_count > 64) {
        errno = EMSGSIZE;
        return -1;
    }
    memcpy(to.sun_path, address, length);
    if (to.sun_path[0] == '@') to.sun_path[0] = 0;
    struct iovec piece = {.iov_base = (void *)data, .iov_len = count};
    struct msghdr message = {
        .msg_name = &to,
        .msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (address[0] != '@')),
        .msg_iov = &piece,
        .msg_iovlen = 1,
    };
    if (descriptor_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)descriptor_count);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)descriptor_count);
        memcpy(CMSG_DATA(&control.header), descriptors, sizeof(int) * (size_t)descriptor_count);
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    int failure = errno;
    close(fd);
    errno = failure;
    return sent == (ssize_t)count ? 0 : -1;
}
