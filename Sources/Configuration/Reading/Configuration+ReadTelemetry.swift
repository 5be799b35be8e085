internal import HTTP
internal import Telemetry

// What is logged of requests, and told of them elsewhere.
extension Configuration {
  static func readLog(_ section: Section) -> LogSettings {
    var settings: LogSettings = section.settings()
    settings.access = readAccess(section)
    return settings
  }

  private static func readAccess(_ log: Section) -> AccessSettings? {
    guard let node = log.written("access") else { return nil }
    let report = log.report
    guard case .mapping = node.content else {
      guard case .scalar = node.content, !node.isNull else {
        report.error(
          log.origin(of: "access"), "expected off, stdout, a file path or a section, found \(node.kind)")
        return nil
      }
      return destination(log, "access").map { AccessSettings(to: $0) }
    }
    let section = log.section("access")
    let place = destination(section, "file")
    let format = section.text("format", format)
    let sample = section.text("sample", CloudText.share)
    let rotation = section.has("rotate") ? readRotation(section.section("rotate")) : nil
    guard let place else { return nil }
    var settings = AccessSettings(to: place)
    settings.format = format ?? .json
    settings.sample = sample ?? 1
    settings.rotation = rotation
    if settings.file == nil, rotation != nil {
      report.error(section.origin(of: "rotate"), "only files are rotated", "name a file, or remove rotate")
    }
    return settings
  }

  private static func readRotation(_ section: Section) -> AccessSettings.Rotation {
    var rotation: AccessSettings.Rotation = section.settings()
    if let size: Int = section.read("size") { rotation.sizeInBytes = size }
    return rotation
  }

  private static func destination(_ section: Section, _ key: String) -> AccessLog.Destination? {
    section.text(key) { text throws(Invalid) -> AccessLog.Destination? in
      switch try Word.line(text) {
      case "off": nil
      case "stdout": .descriptor(1)
      default: .file(section.report.resolved(text))
      }
    } ?? nil
  }

  private static func format(_ text: String) throws(Invalid) -> AccessFormat {
    switch text {
    case "json": return .json
    case "combined": return .combined
    default: break
    }
    let fields = AccessField.allCases.map(\.rawValue).joined(separator: ", ")
    guard text.contains("{") else {
      throw Invalid("\(quoted(text)) is not known", "write json, combined, or a text with fields in braces")
    }
    do throws(AccessTemplate.Problem) {
      return .template(try AccessTemplate(text))
    } catch {
      switch error {
      case .unknown(let name): throw Invalid("there is no field \(quoted(name))", "there are \(fields)")
      case .repeated(let name): throw Invalid("the field \(quoted(name)) stands twice")
      case .malformed:
        throw Invalid(
          "\(quoted(text)) is no template",
          "close each brace; at most \(AccessTemplate.maximumTextInBytes) bytes stand beside the fields")
      }
    }
  }

  static func readTraces(_ top: Section) -> TracePlace? {
    guard top.has("traces") else { return nil }
    let section = top.section("traces")
    let endpoint = section.text("endpoint") { text throws(Invalid) -> URL in
      guard let url = URL(try Word.endpoint(text)) else { throw Invalid("\(quoted(text)) is no URL") }
      return url
    }
    let sample = section.text("sample", CloudText.share) ?? 0.01
    var headers: [Fields.Field] = []
    for member in section.members("headers") {
      let origin = Origin(
        position: member.position, path: Section.join(section.origin(of: "headers").path, member.key))
      do throws(Invalid) {
        let name = try FieldText.name(member.key)
        if let value = section.text(member.value, at: origin, FieldText.value) {
          headers.append(Fields.Field(name, value))
        }
      } catch { section.report.error(origin, error) }
    }
    return endpoint.map { TracePlace(endpoint: $0, sample: sample, headers: headers) }
  }
}
