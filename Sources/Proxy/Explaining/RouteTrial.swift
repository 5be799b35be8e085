internal import APIKeys
internal import Exchange
internal import HTTP

/// Tells where settings would send requests, without serving them: by host, path and match alone, whoever asks.
public struct RouteTrial {
  /// What would become of a request.
  public enum Verdict: Sendable, Equatable {
    /// A backend of one of these services would be asked; by the route at a place of the settings.
    case services([String], route: Int)
    /// It would be answered with this status.
    case answer(Int, route: Int?)
    /// It would be sent elsewhere.
    case redirect(String, status: Int, route: Int)
    /// It is no request.
    case malformed
  }

  private let settings: Settings
  private let table: RouteTable

  /// For some settings.
  public init(_ settings: Settings) {
    self.settings = settings
    table = RouteTable(settings.routes) { !settings.services[$0.service].isPassage }
  }

  /// What would become of a request that came by TLS or without.
  public func verdict(on question: RouteQuestion, isSecure: Bool) -> Verdict {
    guard let head = question.head else { return .malformed }
    var desk = Desk(
      requestFields: settings.limits.requestHeadFields, scratchSize: 4 * RouteQuestion.maximumHeadBytes)
    return unsafe head.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress, unsafe desk.readRequest(base, bytes.count) == nil else {
        return .malformed
      }
      return unsafe verdict(desk, base, question, isSecure: isSecure)
    }
  }

  private func verdict(
    _ desk: borrowing Desk, _ base: UnsafePointer<UInt8>, _ question: RouteQuestion, isSecure: Bool
  ) -> Verdict {
    let asker = unsafe Asker(
      address: AddressBlock.number(of: question.client), port: question.port,
      name: UnsafeRawBufferPointer(start: nil, count: 0))
    let place = unsafe table.find(desk.request, base, scratch: desk.scratch) {
      unsafe desk.holds($0, base, asker)
    }
    guard place >= 0 else {
      return .answer((place == RouteTable.ambiguous ? OwnAnswer.pathNotNormal : .noRoute).status, route: nil)
    }
    let route = settings.routes[place]
    if let redirect = route.rules.redirect {
      let arena = Arena()
      let edit = CompiledRoute.pathEdit(route, arena)
      let location = unsafe desk.location(base, redirect, edit, isSecure: isSecure)
      return .redirect(location, status: redirect.status, route: place)
    }
    if let answer = route.rules.respond { return .answer(answer.status, route: place) }
    let all =
      [route.service] + route.split.map(\.service)
      + route.models.flatMap { ($0.targets + $0.fallback).map(\.service) }
    return .services(all.map { settings.services[$0].name }, route: place)
  }
}
