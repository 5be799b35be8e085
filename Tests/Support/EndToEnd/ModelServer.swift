/// The demo model server of the examples. Its streams stop after three tokens until the gate is opened, so that
/// a test decides what happens in the middle of one.
public struct ModelServer: Sendable {
  /// Its URL.
  public let url: String
  private let child: Child
  private let place: Place

  /// Starts it on a free port.
  public init(_ place: Place) async throws {
    self.place = place
    let child = try await place.start(
      [
        "python3", "\(Place.package)/Tests/Support/EndToEnd/gated_model_server.py",
        "\(Place.package)/examples", place("gate"),
      ], called: "model")
    try await eventually("the model server: \(child.errors)") { child.output.contains("\n") }
    url = "http://" + (child.output.split(separator: "http://").last?.prefix { $0 != "\n" } ?? "")
    self.child = child
  }

  /// Lets all streams, also those to come, go on to their ends.
  public func openGate() throws { try place.write("gate", "") }
}
