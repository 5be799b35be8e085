// ZeroMQ: a subscriber's side of ZMTP 3.0 (rfc.zeromq.org/spec/23), without I/O and without a library.
//
// It does not know sockets, nor what messages mean. It promises whole messages in their order however the bytes come, a failure
// for what is no publisher's, and bounds on what it keeps.
