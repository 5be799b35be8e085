#include "CLinux.h"

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
