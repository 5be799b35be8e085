import Glibc

/// Makes a listening socket refuse connections while it keeps its port.
func stopListening(_ fd: Int32) { shutdown(fd, Int32(SHUT_RDWR)) }
