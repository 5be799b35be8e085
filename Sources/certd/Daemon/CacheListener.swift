import Configuration
import ModelAPI
import OS
import Synchronization
import Telemetry
import Upstream
import ZeroMQ

/// Listens to what one engine tells of its prefix cache, on a thread of its own, until it is told to stop.
final class CacheListener: Sendable {
  /// How long is waited before an engine is connected to again, in milliseconds.
  private static let pauseMilliseconds: Int32 = 1000
  /// How long a connection may take to come about, in milliseconds.
  private static let connectMilliseconds: Int32 = 3000
  /// How long an engine may take to say that it is ready, in milliseconds.
  private static let readyMilliseconds: UInt64 = 5000
  /// After how much silence it is seen whether the engine's machine is still there, and how often until it is given up, in seconds.
  private static let keepalive: (idle: Int32, every: Int32, times: Int32) = (15, 5, 3)
  /// How long one waits for something to come before one looks whether to stop, in milliseconds.
  private static let lookMilliseconds: Int32 = 250
  /// What is read at once, in bytes.
  private static let readBytes = 64 << 10

  /// Where an engine publishes.
  struct Place: Sendable {
    /// Looked up for each connection; nil where the address is known.
    let host: String?
    let address: SocketAddress
    let topic: String
  }

  private let bell: Doorbell
  private let isStopped = Atomic<Bool>(false)
  private let engine: EngineState
  private let place: Place
  private let tell: @Sendable (_ isGood: Bool, String) -> Void

  /// Begins to listen. `tell` hears when that begins to work, and when it does not any more.
  static func start(
    _ engine: EngineState, at place: Place,
    tell: @escaping @Sendable (_ isGood: Bool, String) -> Void
  ) throws(SystemError) -> CacheListener {
    let listener = CacheListener(engine, place, try Doorbell(), tell)
    try Thread.start("cache-events") { listener.run() }.detach()
    return listener
  }

  private init(
    _ engine: EngineState, _ place: Place, _ bell: Doorbell,
    _ tell: @escaping @Sendable (Bool, String) -> Void
  ) {
    self.engine = engine
    self.place = place
    self.bell = bell
    self.tell = tell
  }

  /// Ends it soon.
  func stop() {
    isStopped.store(true, ordering: .relaxed)
    bell.ring()
  }

  private var goesOn: Bool { !isStopped.load(ordering: .relaxed) }

  private func run() {
    var wasTold = ""
    while goesOn {
      let why = listen()
      if engine.cache.counts.isConnected { wasTold = "" }
      engine.cache.connected(false)
      guard goesOn else { break }
      if why != wasTold { tell(false, why) }
      wasTold = why
      bell.wait(milliseconds: Self.pauseMilliseconds)
    }
    engine.cache.connected(false)
  }

  /// One connection, until it ends; why it did.
  private func listen() -> String {
    var address = place.address
    if let host = place.host {
      do throws(SystemError) {
        guard let found = try Resolver.resolve(host: host, port: address.port).first else {
          return "\(host) has no address"
        }
        address = found
      } catch { return "\(error)" }
    }
    let fd = Sys.socket(family: address.family)
    guard fd >= 0 else { return "\(SystemError(call: "socket", code: Int32(-fd)))" }
    let socket = Descriptor(owning: Int32(fd))
    let status = unsafe withUnsafePointer(to: address) { unsafe Sys.connect(socket.number, $0) }
    if status == Sys.inProgress {
      guard Sys.wait(socket.number, toWrite: true, milliseconds: Self.connectMilliseconds) else {
        return "no connection within \(Self.connectMilliseconds / 1000) s"
      }
      let code = Sys.socketError(socket.number)
      if code != 0 { return "\(SystemError(call: "connect", code: code))" }
    } else if status < 0 {
      return "\(SystemError(call: "connect", code: Int32(-status)))"
    }
    Sys.keepAlive(socket.number, Self.keepalive)
    return follow(socket.number)
  }

  private func follow(_ socket: Int32) -> String {
    var subscription = Subscription(topic: place.topic)
    var sequence: UInt64?
    var buffer = [UInt8](repeating: 0, count: Self.readBytes)
    let began = Clock.monotonicNanoseconds() / 1_000_000
    while goesOn {
      if !subscription.isReady, Clock.monotonicNanoseconds() / 1_000_000 > began + Self.readyMilliseconds {
        return "it has not said within \(Self.readyMilliseconds / 1000) s that it is ready"
      }
      if !subscription.output.isEmpty {
        guard Self.send(subscription.output, socket) else { return "the connection has ended" }
        subscription.sent()
      }
      guard Sys.wait(socket, milliseconds: Self.lookMilliseconds) else { continue }
      let count = unsafe buffer.withUnsafeMutableBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.recv(socket, $0, raw.count) } ?? 0
      }
      if count == Sys.wouldBlock { continue }
      guard count > 0 else { return "the connection has ended" }
      let wasReady = subscription.isReady
      do throws(Subscription.Failure) {
        try subscription.receive(buffer[..<count]) { take($0, &sequence) }
      } catch { return Self.words(error) }
      if subscription.isReady, !wasReady {
        engine.cache.connected(true)
        tell(true, "")
      }
    }
    return ""
  }

  /// A message: the topic, a number that counts, and the events.
  private func take(_ parts: [[UInt8]], _ last: inout UInt64?) {
    guard parts.count == 3, parts[1].count == 8, let events = CacheEvent.read(parts[2][...]) else {
      return engine.cache.missed()
    }
    let number = parts[1].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    if let last, number != last &+ 1 {
      engine.cache.missed()
      // It has begun anew: nothing is cached.
      if number < last { engine.index.clear() }
    }
    last = number
    for event in events where goesOn {
      switch event {
      case .stored(let blocks, let parent, let tokens):
        engine.cache.stored(blocks, parent: parent, tokens: tokens)
      case .removed(let blocks): engine.cache.removed(blocks, engine.index)
      case .cleared: engine.cache.cleared(engine.index)
      }
    }
  }

  private static func send(_ bytes: [UInt8], _ socket: Int32) -> Bool {
    var left = bytes[...]
    while !left.isEmpty {
      let sent = unsafe left.withUnsafeBytes { raw in
        unsafe raw.baseAddress.map { unsafe Sys.send(socket, $0, raw.count) } ?? 0
      }
      if sent == Sys.wouldBlock {
        guard Sys.wait(socket, toWrite: true, milliseconds: connectMilliseconds) else { return false }
        continue
      }
      guard sent > 0 else { return false }
      left = left.dropFirst(sent)
    }
    return true
  }

  private static func words(_ failure: Subscription.Failure) -> String {
    switch failure {
    case .noZeroMQ: "what listens there does not speak ZeroMQ (ZMTP 3)"
    case .mechanism: "it asks for ZeroMQ's security, which is not known here"
    case .noPublisher: "it is no ZeroMQ publisher"
    case .tooLarge: "a message is too large"
    case .malformed: "what it sends is not as ZeroMQ has it"
    }
  }
}

/// Those that listen to engines, one for each backend that tells of its cache.
struct CacheListeners {
  private var listeners: [String: CacheListener] = [:]

  /// Listens to the engines of a configuration: to new ones from now on, to others no more.
  mutating func follow(
    _ configuration: Configuration, _ candidates: [[[BackendRegistry.Known]]], _ log: Log
  ) {
    var wanted: Set<String> = []
    for (service, ofService) in zip(configuration.services, candidates) {
      for (backend, known) in zip(service.backends, ofService).flatMap({ pair in pair.1.map { (pair.0, $0) } }
      ) {
        guard let place = service.cacheEvents(of: backend), var address = known.address else { continue }
        let own = place.host.flatMap { SocketAddress(host: $0, port: place.port) }
        if let own { address = own }
        address.port = place.port
        let shown = own == nil ? place.host.map { "\($0):\(place.port)" } ?? "\(address)" : "\(address)"
        let key = "\(service.name) \(known.key) \(shown) \(place.topic) \(ObjectIdentifier(known.status))"
        wanted.insert(key)
        guard listeners[key] == nil else { continue }
        let publisher = CacheListener.Place(
          host: own == nil ? place.host : nil, address: address, topic: place.topic)
        let (name, backend) = (service.name, known.key)
        do throws(SystemError) {
          listeners[key] = try CacheListener.start(known.status.engine, at: publisher) { isGood, why in
            if isGood {
              log.info(
                "an engine tells of its cache",
                ["service": .text(name), "backend": .text(backend), "address": .text(shown)])
            } else {
              log.warn(
                "an engine does not tell of its cache",
                [
                  "service": .text(name), "backend": .text(backend), "address": .text(shown),
                  "reason": .text(why),
                ])
            }
          }
        } catch {
          log.warn(
            "an engine cannot be listened to",
            ["service": .text(service.name), "backend": .text(known.key), "reason": .text("\(error)")])
        }
      }
    }
    for (key, listener) in listeners where !wanted.contains(key) {
      listener.stop()
      listeners[key] = nil
    }
  }

  /// Listens to nobody any more.
  mutating func stop() {
    for listener in listeners.values { listener.stop() }
    listeners = [:]
  }
}
