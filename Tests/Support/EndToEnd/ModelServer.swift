/// The demo model server of the examples.
public struct ModelServer: Sendable {
  /// Its URL.
  public let url: String
  private let child: Child

  /// Starts it on a free port.
  public init(_ place: Place) async throws {
    let child = try await place.start(
      ["python3", "\(Place.package)/examples/demo_model_server.py", "0"], called: "model")
    try await eventually("the model server: \(child.errors)") { child.output.contains("\n") }
    url = "http://" + (child.output.split(separator: "http://").last?.prefix { $0 != "\n" } ?? "")
    self.child = child
  }
}
