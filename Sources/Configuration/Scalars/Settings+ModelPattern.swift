internal import ModelAPI
internal import Proxy

extension Settings.ModelPattern: ParsedText {
  static func parse(_ text: String) throws(Invalid) -> Settings.ModelPattern {
    guard !text.isEmpty, text.utf8.count <= RequestScan.maximumModelBytes,
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else {
      throw Invalid(
        "\(quoted(text)) is no model's name",
        "write up to \(RequestScan.maximumModelBytes) visible ASCII characters")
    }
    if text == "*" { return .any }
    guard let star = text.firstIndex(of: "*") else { return .exact(text) }
    guard star == text.index(before: text.endIndex) else {
      throw Invalid("\(quoted(text)) has a wildcard inside", "a wildcard stands alone at the end: llama-*")
    }
    return .prefix(String(text.dropLast()))
  }
}
