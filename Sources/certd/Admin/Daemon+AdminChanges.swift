import Configuration
import JSON
import Telemetry
import Upstream

// What the daemon is told to do by the admin API.
extension Daemon {
  /// The weights that a backend may be given.
  static let weights = 1...1000

  /// Reads the configuration again, in turn with everything else that is asked for.
  func reloadAnswer() async -> AdminAnswer {
    await inTurn { daemon in
      await daemon.reload()
      if let refusal = daemon.refusal { return .error(409, "configuration_refused", refusal) }
      return .json(["reloaded": true])
    }
  }

  /// Lets the program at its path take over.
  func upgradeAnswer() async -> AdminAnswer {
    await inTurn { daemon in
      if let refusal = await daemon.upgrade() { return .error(409, "not_upgraded", refusal) }
      return .json(["process": .number("\(daemon.successor ?? 0)")])
    }
  }

  /// Says that no new clients are wanted, or that they are again.
  func leave(_ request: AdminRequest) -> AdminAnswer {
    var isLeaving = true
    if !request.content.isEmpty {
      guard let body = request.json, body.members.keys.allSatisfy({ $0 == "undo" }),
        body["undo"] == nil || body["undo"]?.bool != nil
      else { return .error(400, "bad_request", #"write {"undo": true}, or nothing"#) }
      isLeaving = body["undo"]?.bool != true
    }
    self.isLeaving = isLeaving
    log.info("drain", ["draining": .boolean(isLeaving)])
    return .json(["draining": .bool(isLeaving)])
  }

  /// Gives the log another level, until the next reload.
  func setLogLevel(_ request: AdminRequest) -> AdminAnswer {
    let level = Log.Level.allCases.first { "\($0)" == request.json?["level"]?.string }
    guard let level else {
      let known = Log.Level.allCases.map { "\($0)" }.joined(separator: ", ")
      return .error(400, "bad_request", #"write {"level": "LEVEL"}; there are \#(known)"#)
    }
    log.level = level
    log.info("log level", ["to": .text("\(level)")])
    return .json(["level": .string("\(level)")])
  }

  /// Gives a backend another weight, until certd ends; `null` gives it the configuration's again.
  func weigh(_ names: [String], _ request: AdminRequest) async -> AdminAnswer {
    guard let body = request.json, body.members.keys.contains("weight") else {
      return .error(400, "bad_request", #"write {"weight": N}, or null for the configuration's"#)
    }
    let weight = body["weight"]?.int.flatMap { Int(exactly: $0) }
    if let value = body["weight"] {
      guard case .number = value, let weight, Self.weights.contains(weight) else {
        return .error(
          400, "bad_request",
          "a weight is a whole number from \(Self.weights.lowerBound) to \(Self.weights.upperBound)")
      }
    }
    return await edit(names) { await $0.setWeight($1, $2, weight) }
  }

  /// Changes a backend that is named by its service and by what the configuration calls it.
  func edit(
    _ names: [String], _ change: @escaping @Sendable (BackendRegistry, String, BackendAddress) async -> Void
  ) async -> AdminAnswer {
    await inTurn { daemon in
      let services = daemon.plan.configuration.services
      guard let service = services.first(where: { $0.name == names.first }) else {
        let known = services.map(\.name).joined(separator: ", ")
        return .error(404, "no_such_service", "there is no service \(names.first ?? ""); known: \(known)")
      }
      guard let backend = service.backends.first(where: { "\($0.address)" == names.last }) else {
        let known = service.backends.map { "\($0.address)" }.joined(separator: ", ")
        return .error(
          404, "no_such_backend", "\(service.name) has no backend \(names.last ?? ""); known: \(known)")
      }
      await change(daemon.backends, service.name, backend.address)
      await daemon.namesMoved()
      let now = await daemon.backendsJSON().filter {
        $0["service"]?.string == service.name && $0["backend"]?.string == "\(backend.address)"
      }
      daemon.log.info(
        "backend changed by an operator",
        [
          "service": .text(service.name), "backend": .text("\(backend.address)"),
          "drained": .boolean(now.first?["drained"]?.bool ?? false),
          "weight": .number(now.first?["weight"]?.int ?? 0),
        ])
      return .json(["backends": .array(now)])
    }
  }

  /// Does something when its turn has come among all that changes what is served.
  private func inTurn(_ body: @escaping @Sendable (isolated Daemon) async -> AdminAnswer) async -> AdminAnswer
  {
    let post = post
    return await withCheckedContinuation { (done: CheckedContinuation<AdminAnswer, Never>) in
      let result = post.yield(.asked { daemon in done.resume(returning: await body(daemon)) })
      if case .enqueued = result { return }
      done.resume(returning: .error(503, "unavailable", "certd is stopping"))
    }
  }
}

extension AdminRequest {
  /// The content as JSON; nil for something else.
  var json: JSONValue? { try? JSONValue(parsing: content) }
}
