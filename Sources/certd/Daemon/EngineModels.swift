import JSON

/// The models that an engine has, as `GET /v1/models` lists them (OpenAI, "List models"). Pure.
struct EngineModels: Equatable {
  /// Their names, in its order; LoRA adapters are models of their own.
  var names: [String] = []

  /// The most names of one engine that are looked at.
  static let maximumNames = 1024

  /// Reads an answer; what is no list of models has none.
  init(_ body: [UInt8]) {
    guard let list = (try? JSONValue(parsing: body))?["data"]?.elements else { return }
    names = list.prefix(Self.maximumNames).compactMap { $0["id"]?.string }.filter { !$0.isEmpty }
  }
}
