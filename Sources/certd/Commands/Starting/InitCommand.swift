import APIKeys
import ArgumentParser
import Configuration
import OS
import PKI

struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make the first certd.yaml: five questions, or flags for all of them.",
    discussion: """
      Example: certd init
      Example: certd init --yes --domain llm.example.com --backend http://127.0.0.1:8000 --email ops@example.com \
      --agree-tos

      The backend is asked what model server it is. A file that is there stays, unless --force is given. The secret of the \
      first key is printed on standard output, once; everything else goes to standard error.
      """)

  @Flag(name: .shortAndLong, help: "Ask nothing: what no flag says is as it usually is.") var yes = false
  @Option(help: "Host name or IP address to serve.") var domain: String?
  @Option(help: "Backend, as http://127.0.0.1:8000.") var backend: String?
  @Option(help: "CA: letsencrypt, letsencrypt-staging, local, or the URL of an ACME directory.")
  var issuer: String?
  @Option(help: "Contact for the CA.") var email: String?
  @Flag(name: .customLong("agree-tos"), help: "Agree to the CA's terms of service.") var agreeTOS = false
  @Option(name: .customLong("acme-root"), help: "PEM file of a root that is trusted for the ACME directory.")
  var acmeRoot: [String] = []
  @Flag(inversion: .prefixedNo, help: "Whether requests must show an API key; the first one is made.")
  var key: Bool?
  @Option(name: .customLong("https-address"), help: "Address of the HTTPS listener.") var httpsAddress:
    String?
  @Option(name: .customLong("http-address"), help: "Address for challenges and the redirect; 'off' for none.")
  var httpAddress: String?
  @Option(help: "Directory of the certificate store.") var store: String?
  @Option(name: .customLong("write"), help: "The file to write (default: certd.yaml).") var write: String?
  @Flag(help: "Write over a file that is there.") var force = false

  func validate() throws {
    if yes, domain == nil || backend == nil {
      throw ValidationError("--yes asks nothing: add --domain and --backend")
    }
    guard yes || Sys.isTerminal(0) else {
      throw ValidationError("this is no terminal to ask at: add --yes, --domain and --backend")
    }
  }

  func run() async throws {
    do throws(SetupError) { try await make() } catch { throw Failure.exit(error) }
  }

  private func make() async throws(SetupError) {
    let questions = Questions()
    let name = try answer(domain, "1. The name that clients will use?", usual: "localhost", Self.checkName)
    let backend = try answer(
      backend, "2. Where is the model server?", usual: "http://127.0.0.1:8000", Self.checkBackend)
    let look = await BackendLook.look(backend, try World())
    tell(look, backend)
    let (issuer, email) = try authority(name, questions)
    var wantsKey = key ?? true
    if key == nil, !yes {
      wantsKey = try questions.agree("4. Shall requests have to show an API key?", usual: true)
    }
    let path = try answer(write, "5. Where to write the configuration?", usual: "certd.yaml") {
      (path) throws(SetupError) in
      guard force || !FileSystem().isFile(path) else {
        throw .other("\(path) is there already and stays as it is; give another name, or --force")
      }
      return path
    }
    let isHome = issuer == IssuerPreset.localName && Configuration.isPrivate(name)
    var made = FirstConfiguration(
      name: name, backend: backend, look: look, issuer: issuer, wantsKey: wantsKey,
      httpsAddress: httpsAddress ?? (isHome ? "127.0.0.1:8443" : ":443"))
    made.email = email
    made.roots = acmeRoot.map { ForeignFiles().absolute($0) }
    made.store = store.map { ForeignFiles().absolute($0) }
    let plain = httpAddress ?? (isHome ? "off" : ":80")
    made.httpAddress = plain == "off" ? nil : plain
    try await finish(made, path)
  }

  /// A flag's value or an answer; what is wrong with a flag is an error.
  private func answer<Value>(
    _ flag: String?, _ question: String, usual: String, _ check: (String) throws(SetupError) -> Value
  ) throws(SetupError) -> Value {
    if let flag { return try check(flag) }
    if yes { return try check(usual) }
    return try Questions().ask(question, usual: usual, check)
  }

  private func tell(_ look: BackendLook, _ backend: String) {
    if let kind = look.kind, kind != .http {
      let models = look.models.isEmpty ? "" : ", with \(look.models.joined(separator: ", "))"
      Output.error("   \(backend) is \(kind.rawValue)\(models)")
    } else if look.kind == .http {
      let models = look.models.isEmpty ? "" : ", and lists \(look.models.joined(separator: ", "))"
      Output.error(
        "   \(backend) answers, as no model server that certd knows\(models); it is served as any other")
    } else {
      Output.error("   \(backend) cannot be asked now: \(look.problem ?? ""); certd will ask it once it runs")
    }
  }

  /// The third question: whose certificates, and on what terms.
  private func authority(
    _ name: String, _ questions: Questions
  ) throws(SetupError) -> (issuer: String, email: String?) {
    let isPrivate = Configuration.isPrivate(name)
    if let issuer, issuer == IssuerPreset.localName { return (issuer, nil) }
    if yes || issuer != nil {
      let chosen = issuer ?? (isPrivate ? IssuerPreset.localName : "letsencrypt")
      guard chosen != IssuerPreset.localName else { return (chosen, nil) }
      var agrees = agreeTOS
      if !agrees, !yes {
        agrees = try questions.agree("3. Do you agree to the terms of \(chosen)?", usual: false)
      }
      guard agrees else {
        throw .other("\(chosen) issues only to those who agree to its terms: read them, and add --agree-tos")
      }
      return (chosen, email)
    }
    let answer = try mailOrLocal(name, isPrivate, questions)
    if answer == IssuerPreset.localName { return (answer, nil) }
    var agrees = agreeTOS
    if !agrees {
      agrees = try questions.agree(
        "   Do you agree to its terms (https://letsencrypt.org/repository/)?", usual: false)
    }
    guard agrees else {
      throw .other("without agreement Let's Encrypt issues nothing; begin again and answer local")
    }
    return ("letsencrypt", answer)
  }

  private func mailOrLocal(
    _ name: String, _ isPrivate: Bool, _ questions: Questions
  ) throws(SetupError) -> String {
    if let email { return email }
    return try questions.ask(
      "3. Your mail address for Let's Encrypt, or 'local' for certd's own CA?",
      usual: isPrivate ? IssuerPreset.localName : nil
    ) { (answer) throws(SetupError) in
      guard answer == IssuerPreset.localName || answer.split(separator: "@").count == 2 else {
        throw .other("write an address such as ops@example.com, or local")
      }
      guard !isPrivate || answer == IssuerPreset.localName else {
        throw .other("no public CA certifies \(name); answer local")
      }
      return answer
    }
  }

  /// Writes what passes the check, and makes the key.
  private func finish(_ made: FirstConfiguration, _ path: String) async throws(SetupError) {
    let rehearsal = path + ".new"
    try GeneratedFile.put(made.text(), at: rehearsal, force: true)
    do throws(SetupError) {
      try await ConfigurationCheck(source: .file(rehearsal, store: nil), quiet: true).run()
      do throws(SystemError) { try FileSystem().rename(rehearsal, to: path) } catch {
        throw .other("\(error)")
      }
    } catch {
      try? FileSystem().unlink(rehearsal)
      throw error
    }
    Output.error("\(path) is written and passes 'certd check'.")
    var shown = ""
    if made.wantsKey {
      try makeKey(beside: path)
      shown = " -H 'Authorization: Bearer KEY'"
    }
    let port = made.httpsAddress.split(separator: ":").last.map { $0 == "443" ? "" : ":\($0)" } ?? ""
    let isLocal = made.issuer == IssuerPreset.localName
    if isLocal { Output.error("Clients trust the local CA by: certd ca root --config \(path) > root.pem") }
    Output.error(
      """
      Next:
        certd run --config \(path)
      and then:
        curl\(isLocal ? " --cacert root.pem" : "") https://\(made.name)\(port)/v1/models\(shown)
      """)
  }

  private func makeKey(beside path: String) throws(SetupError) {
    let directory = FileSystem.parent(of: ForeignFiles().absolute(path))
    let editor = KeyEditor(
      file: "\(directory)/\(FirstConfiguration.keyFile)", group: FirstConfiguration.keyGroup)
    let secret = try NewSecret.make()
    var key = KeyRecord(
      id: NewSecret.identifier(), name: "first", group: editor.group, sha256: try NewSecret.hash(secret))
    key.created = World.now()
    let hasOne = try editor.edit { (list: inout KeyList) throws(SetupError) in
      let has = list.keys.contains { $0.name == key.name && $0.group == key.group && $0.revoked == nil }
      if !has { list.append(key) }
      return has
    }
    guard !hasOne else {
      return Output.error("\(editor.file) has the first key already; 'certd key create' makes others.")
    }
    try NewSecret.show(secret, key, .table, "made for")
  }

  private static func checkName(_ text: String) throws(SetupError) -> String {
    guard let identifier = Identifier(text), !identifier.isWildcard else {
      throw .other("\(text) is not a host name or IP address, such as llm.example.com")
    }
    return identifier.description
  }

  private static func checkBackend(_ text: String) throws(SetupError) -> String {
    var url = text.contains("://") ? text : "http://\(text)"
    while url.hasSuffix("/") { url.removeLast() }
    let rest = url.split(separator: "/").dropFirst()
    guard url.hasPrefix("http://") || url.hasPrefix("https://"), rest.count == 1 else {
      throw .other("\(text) is not a server: write http://127.0.0.1:8000, without a path")
    }
    return url
  }
}
