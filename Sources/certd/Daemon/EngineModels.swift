import JSON
import Upstream

/// The models that an engine has, as `GET /v1/models` lists them (OpenAI, "List models"). Pure.
struct EngineModels: Equatable {
  /// What they are, in its order; LoRA adapters are models of their own. Nil where it tells no list.
  var entries: [ListedModels.Entry]?
  /// Their names.
  var names: [String] { (entries ?? []).map(\.id) }

  /// The most names of one engine that are looked at.
  static let maximumNames = 1024

  /// The longest name that is taken, in bytes: requests with longer ones are refused.
  static let maximumNameBytes = 256

  /// Reads an answer; what is no list of models has none.
  init(_ body: [UInt8]) {
    guard let list = (try? JSONValue(parsing: body))?["data"]?.elements else { return }
    entries = list.prefix(Self.maximumNames).compactMap { model in
      guard let id = model["id"]?.string, !id.isEmpty, id.utf8.count <= Self.maximumNameBytes else {
        return nil
      }
      return ListedModels.Entry(
        id: id, created: Int(clamping: model["created"]?.int ?? 0), owner: model["owned_by"]?.string ?? "")
    }
  }
}
