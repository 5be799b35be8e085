// Linux interfaces that Swift's Glibc module does not show, and variadic calls in fixed form. Nothing else.
#ifndef CERTD_CLINUX_H
#define CERTD_CLINUX_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// accept4 with the peer's address; the C prototype has a transparent union.
int certd_accept4(int fd, struct sockaddr_storage *address, socklen_t *length, int flags);
/// open with a mode; open is variadic.
int certd_open(const char *path, int flags, mode_t mode);
/// openat with a mode; openat is variadic.
int certd_openat(int directory, const char *path, int flags, mode_t mode);
/// fcntl with an integer argument; fcntl is variadic.
int certd_fcntl(int fd, int command, int argument);
/// syscall SYS_gettid.
int certd_gettid(void);
/// prctl with one argument; prctl is variadic.
int certd_prctl(int option, unsigned long argument);
/// Names the calling thread; at most 15 bytes.
void certd_name_thread(const char *name);
/// Ignores a signal; SIG_IGN is a cast macro.
void certd_ignore_signal(int number);
/// Pins the calling thread to one processor.
int certd_pin_thread(int cpu);
/// Number of processors that this process may run on.
int certd_cpu_count(void);
/// Sends a datagram to a Unix address (a path, or an abstract name behind '@') with descriptors beside it. 0, or -1 and errno.
int certd_send_to_unix(const char *address, const void *data, size_t count, const int *descriptors, int descriptor_count);
/// memfd_create with MFD_CLOEXEC.
int certd_memory_file(const char *name);
/// The environment of this process, ended by a null pointer.
char **certd_environment(void);
/// pipe2, which the module does not show.
int certd_pipe2(int ends[2], int flags);
/// posix_spawn_file_actions_addclosefrom_np, which the module does not show.
int certd_spawn_closefrom(posix_spawn_file_actions_t *actions, int first);
/// RLIMIT_NOFILE of this process, whose constant Swift sees as an enumeration.
int certd_get_descriptor_limit(struct rlimit *limit);
int certd_set_descriptor_limit(const struct rlimit *limit);
/// The same of another process.
int certd_set_descriptor_limit_of(pid_t process, const struct rlimit *limit);
/// The calling thread's errno.
static inline int certd_errno(void) { return errno; }

#endif
