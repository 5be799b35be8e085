import Bytes
import OS

/// What a look at one certificate's directory found; nothing is changed by looking.
struct Survey {
  /// One thing that is wrong.
  struct Finding {
    enum Remedy {
      /// Move the path aside.
      case quarantine(String)
      /// Move the path aside if it is there, and write this in its place.
      case rewrite(String, [UInt8], isThere: Bool)
      /// Nothing that we could do.
      case none
    }
    let message: String
    let remedy: Remedy
  }

  /// The best generation that is fit to be served.
  var certificate: StoredCertificate?
  /// What the link says; nil when there is none.
  var linked: Int?
  var findings: [Finding] = []
  /// Whether the system failed on the way: then the link may be right, and is left alone.
  var isUncertain = false
  /// Whether the link leads to the served generation and nothing is damaged.
  var isWhole: Bool { findings.isEmpty && linked == certificate?.generation }
}

extension CertStore {
  /// Looks at the linked generation, and at the others, newest first, when that one is not fit.
  func survey(_ name: LineageName) -> Survey {
    var survey = Survey()
    readLink(name, &survey)
    let present: [Int]
    do { present = try generations(name) } catch {
      survey.findings.append(.init(message: "\(error)", remedy: .none))
      survey.isUncertain = survey.isUncertain || !error.isAbsence
      return survey
    }
    if let linked = survey.linked, !present.contains(linked) {
      survey.findings.append(
        .init(
          message: "current points to gen-\(linked), which is missing",
          remedy: .quarantine(layout.current(name))))
      survey.linked = nil
    }
    let others = present.filter { $0 != survey.linked }.reversed()
    for number in (survey.linked.map { [$0] } ?? []) + others {
      if read(name, number, &survey) { break }
    }
    return survey
  }

  /// The numbers of the complete generations, lowest first.
  func generations(_ name: LineageName) throws(SystemError) -> [Int] {
    try fs.list(layout.lineage(name)).compactMap(Layout.generationNumber).sorted()
  }

  private func readLink(_ name: LineageName, _ survey: inout Survey) {
    let path = layout.current(name)
    do {
      let target = try fs.readLink(path)
      survey.linked = Layout.generationNumber(target)
      if survey.linked == nil {
        survey.findings.append(
          .init(message: "current points to \(target), which is no generation", remedy: .quarantine(path)))
      }
    } catch {
      if error.isAbsence { return }
      survey.isUncertain = error.isResourceFailure
      survey.findings.append(
        .init(
          message: "current is not readable as a link (\(SystemError(call: error.call, code: error.code)))",
          remedy: error.isResourceFailure ? .none : .quarantine(path)))
    }
  }

  /// Reads one generation; true when it is the one to serve.
  private func read(_ name: LineageName, _ number: Int, _ survey: inout Survey) -> Bool {
    let directory = layout.generation(name, number)
    switch readGeneration(directory) {
    case .good(let key, let chain, let meta, let damage):
      survey.certificate = StoredCertificate(
        name: name, generation: number, directory: layout.current(name), key: key, chain: chain, meta: meta)
      for item in damage {
        let finding: Survey.Finding =
          switch item {
          case .missing(let path, let content):
            .init(
              message: "\(layout.relative(path)) is missing", remedy: .rewrite(path, content, isThere: false))
          case .broken(let path, let content):
            .init(
              message: "\(layout.relative(path)) is damaged", remedy: .rewrite(path, content, isThere: true))
          }
        survey.findings.append(finding)
      }
      return true
    case .bad(let reason):
      survey.findings.append(.init(message: "gen-\(number): \(reason)", remedy: .quarantine(directory)))
    case .unknown(let error):
      survey.findings.append(.init(message: "gen-\(number) cannot be read: \(error)", remedy: .none))
      survey.isUncertain = true
    }
    return false
  }
}
