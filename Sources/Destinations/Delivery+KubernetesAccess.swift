internal import Bytes
internal import CertStore
internal import HTTP
internal import JSON
internal import PKI
internal import TLS

// Who certd is to Kubernetes: the service account of its pod, or a user of a kubeconfig.
extension Delivery {
  /// Where a pod finds its service account.
  static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

  func kubernetesAccess(_ place: KubernetesSecret) throws(DeliveryError) -> KubernetesAccess {
    if let path = place.kubeconfig ?? variable("KUBECONFIG") {
      return try Kubeconfig(path, place.context, self).access()
    }
    guard let host = variable("KUBERNETES_SERVICE_HOST"), let port = variable("KUBERNETES_SERVICE_PORT")
    else {
      throw DeliveryError(
        "Kubernetes: this is no pod and there is no KUBECONFIG: write `kubeconfig: /path/of/the/file`")
    }
    let directory = Self.serviceAccountDirectory
    let name = host.contains(":") ? "[\(host)]" : host
    let token = try secret("\(directory)/token", "Kubernetes' service account")
    let namespace = surroundings.read("\(directory)/namespace").map {
      String(decoding: $0, as: UTF8.self).trimmed
    }
    return KubernetesAccess(
      server: try Self.url("https://\(name):\(port)/", "KUBERNETES_SERVICE_HOST"), prefix: "",
      context: try trust(roots: surroundings.read("\(directory)/ca.crt"), nil, "\(directory)/ca.crt"),
      authorization: "Bearer \(token)", namespace: namespace)
  }

  /// Trusts those roots alone where there are any, else the system's.
  func trust(
    roots: [UInt8]?, _ identity: Credential?, _ place: String
  ) throws(DeliveryError) -> ClientContext {
    do throws(ContextError) {
      return try ClientContext(
        trust: ClientContext.Trust(system: roots == nil, extraPEM: roots.map { [$0] } ?? []),
        identity: identity)
    } catch { throw DeliveryError("\(place): \(error)") }
  }
}

/// A file that says how clusters are reached, as `kubectl` has it.
private struct Kubeconfig {
  let path: String
  let delivery: Delivery
  private let document: JSONValue
  private let context: JSONValue

  init(_ path: String, _ named: String?, _ delivery: Delivery) throws(DeliveryError) {
    self.path = path
    self.delivery = delivery
    guard let bytes = delivery.surroundings.read(path) else {
      throw DeliveryError("kubeconfig: \(path) cannot be read")
    }
    switch delivery.surroundings.parseYAML(bytes) {
    case .success(let value): document = value
    case .failure(let error): throw DeliveryError("kubeconfig: \(path): \(error.reason)")
    }
    guard let name = named ?? document["current-context"]?.string, !name.isEmpty else {
      throw DeliveryError("kubeconfig: \(path) has no current-context: write `context`")
    }
    context = try Self.entry(document, "contexts", "context", name, path)
  }

  func access() throws(DeliveryError) -> KubernetesAccess {
    let cluster = try Self.entry(document, "clusters", "cluster", context["cluster"]?.string ?? "", path)
    let user = try Self.entry(document, "users", "user", context["user"]?.string ?? "", path)
    guard cluster["insecure-skip-tls-verify"]?.isTrue != true else {
      throw DeliveryError(
        "kubeconfig: \(path) says insecure-skip-tls-verify: a private key is not sent to whoever answers; "
          + "give the cluster's certificate-authority")
    }
    if user["exec"] != nil || user["auth-provider"] != nil {
      throw DeliveryError(
        "kubeconfig: \(path) takes its token from a program, which certd does not run: use a token of a service "
          + "account (kubectl create token) in tokenFile, or a client certificate")
    }
    let server = try Delivery.url(cluster["server"]?.string ?? "", "kubeconfig: \(path): server")
    var prefix = server.target
    while prefix.hasSuffix("/") { prefix.removeLast() }
    return KubernetesAccess(
      server: server, prefix: prefix,
      context: try delivery.trust(
        roots: try content(cluster, "certificate-authority"), try identity(user), "kubeconfig: \(path)"),
      authorization: try authorization(user), namespace: context["namespace"]?.string)
  }

  private func authorization(_ user: JSONValue) throws(DeliveryError) -> String? {
    if let file = user["tokenFile"]?.string {
      return "Bearer \(try delivery.secret(resolved(file), "kubeconfig's tokenFile"))"
    }
    if let token = user["token"]?.string, !token.isEmpty {
      guard Delivery.isToken(token) else { throw DeliveryError("kubeconfig: \(path): token is no token") }
      return "Bearer \(token)"
    }
    if let name = user["username"]?.string, let password = user["password"]?.string {
      return "Basic \(Base64.encode(Array("\(name):\(password)".utf8)))"
    }
    return nil
  }

  private func identity(_ user: JSONValue) throws(DeliveryError) -> Credential? {
    guard let certificate = try content(user, "client-certificate"), let key = try content(user, "client-key")
    else { return nil }
    do throws(PKIError) {
      let chain = try CertificateChain(pem: certificate)
      return Credential(
        label: "the client certificate of \(path)", chain: ([chain.leaf] + chain.intermediates).map(\.der),
        privateKeyPEM: key, names: [])
    } catch { throw DeliveryError("kubeconfig: \(path): client-certificate: \(error)") }
  }

  /// What `NAME-data` holds, or the file of `NAME`.
  private func content(_ section: JSONValue, _ name: String) throws(DeliveryError) -> [UInt8]? {
    if let text = section["\(name)-data"]?.string, !text.isEmpty {
      guard let bytes = Base64.decode(text) else {
        throw DeliveryError("kubeconfig: \(path): \(name)-data is not base64")
      }
      return bytes
    }
    guard let file = section[name]?.string, !file.isEmpty else { return nil }
    guard let bytes = delivery.surroundings.read(resolved(file)) else {
      throw DeliveryError("kubeconfig: \(path): \(resolved(file)) cannot be read")
    }
    return bytes
  }

  /// Paths are relative to the file's directory.
  private func resolved(_ file: String) -> String {
    guard !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return file }
    return path[...slash] + file
  }

  private static func entry(
    _ document: JSONValue, _ list: String, _ member: String, _ name: String, _ path: String
  ) throws(DeliveryError) -> JSONValue {
    guard
      let found = document[list]?.elements.first(where: { $0["name"]?.string == name })?[member]
    else { throw DeliveryError("kubeconfig: \(path) has no \(member) \"\(name)\"") }
    return found
  }
}

extension JSONValue {
  /// `true`, also as YAML's text.
  fileprivate var isTrue: Bool { bool ?? (string == "true") }
}
