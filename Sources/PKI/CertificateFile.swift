internal import Bytes
internal import COpenSSL

/// What a file that people bring holds: certificates and private keys, as PEM in any order, DER, PKCS#12 or PKCS#7.
///
/// What it is but cannot be used (a request, an encrypted key, UTF-16) is told by name with the command that mends it.
public struct CertificateFile: Sendable {
  /// The certificates, in their order.
  public internal(set) var certificates: [Certificate] = []
  /// The private keys, in their order.
  public internal(set) var keys: [PrivateKey] = []

  /// The largest file, in bytes.
  public static let maximumBytes = 1 << 20

  /// Reads a file's bytes. `path` stands in the commands of messages; `password` opens what is encrypted.
  public init(_ bytes: [UInt8], path: String, password: String? = nil) throws(PKIError) {
    guard bytes.count <= Self.maximumBytes else {
      throw PKIError(what: "", reason: "longer than \(Self.maximumBytes) bytes")
    }
    let reader = CertificateFileReader(path: path, password: password)
    if bytes.isEmpty { throw reader.refused("it is empty") }
    if reader.isUTF16(bytes) {
      throw reader.refused("it is UTF-16 text", "iconv -f UTF-16 -t UTF-8 \(path) > new.pem")
    }
    let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    if text.position(of: Array("-----BEGIN ".utf8), from: 0) != nil {
      if text.position(of: Array("-----\\n".utf8), from: 0) != nil {
        throw reader.refused(
          "its line ends are written out as \\n", "printf '%b' \"$(cat \(path))\" > new.pem")
      }
      try reader.readPEM(text, into: &self)
    } else if text.first == 0x30 {
      try reader.readDER(text, into: &self)
    } else {
      throw reader.refused("there is no certificate in it, neither PEM nor DER")
    }
    ERR_clear_error()
  }

  /// The certificates of an issuer that came from the network: DER, PKCS#7 or PEM, and nothing that has a password or
  /// takes long to open (RFC 5280 §4.2.2.1).
  public static func issuers(_ bytes: [UInt8]) throws(PKIError) -> [Certificate] {
    defer { ERR_clear_error() }
    if let blocks = try? PEMBlock.all(bytes), !blocks.isEmpty {
      var found: [Certificate] = []
      for block in blocks where block.label == "CERTIFICATE" { found.append(try Certificate(der: block.der)) }
      return found
    }
    if let certificate = try? Certificate(der: bytes) { return [certificate] }
    var file = CertificateFile()
    try CertificateFileReader(path: "", password: nil).readPKCS7(bytes, into: &file)
    return file.certificates
  }

  private init() {}
}

/// The formats, one by one.
struct CertificateFileReader {
  let path: String
  let password: String?

  func refused(_ reason: String, _ command: String? = nil) -> PKIError {
    PKIError(what: "", reason: command.map { "\(reason); try: \($0)" } ?? reason)
  }

  /// By its mark, or by every other byte of its beginning being zero.
  func isUTF16(_ bytes: [UInt8]) -> Bool {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) { return true }
    let start = bytes.prefix(64)
    return start.contains(0x2D) && start.count { $0 == 0 } * 2 >= start.count - 1
  }

  func readPEM(_ text: [UInt8], into file: inout CertificateFile) throws(PKIError) {
    for block in try PEMBlock.all(text) {
      switch block.label {
      case "CERTIFICATE", "X509 CERTIFICATE": file.certificates.append(try Certificate(der: block.der))
      case "TRUSTED CERTIFICATE": file.certificates.append(try leading(block.der))
      case "PKCS7", "CMS": try readPKCS7(block.der, into: &file)
      case "ENCRYPTED PRIVATE KEY": file.keys.append(try encryptedKey(block))
      case let label where label.hasSuffix("PRIVATE KEY"):
        let isEncrypted = block.text.position(of: Array("ENCRYPTED".utf8), from: 0) != nil
        file.keys.append(isEncrypted ? try encryptedKey(block) : try PrivateKey(pem: block.text))
      case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST": throw request
      // Parameters and public keys stand beside keys and say nothing new.
      default: continue
      }
    }
  }

  private var request: PKIError {
    refused(
      "it is a certificate signing request (CSR), not a certificate: name the file that the CA answered with")
  }

  private func encryptedKey(_ block: PEMBlock) throws(PKIError) -> PrivateKey {
    guard let password else {
      throw refused(
        "the private key is encrypted: name its password_file, or store it without a passphrase",
        "openssl pkey -in \(path) -out new.key")
    }
    do throws(PKIError) { return try PrivateKey(pem: block.text, password: password) } catch {
      throw refused("the private key cannot be opened by the password of password_file (\(error.reason))")
    }
  }

  func readDER(_ der: [UInt8], into file: inout CertificateFile) throws(PKIError) {
    defer { ERR_clear_error() }
    if let certificate = try? Certificate(der: der) { return file.certificates.append(certificate) }
    if let key = try? PrivateKey(der: der) { return file.keys.append(key) }
    if try readPKCS12(der, into: &file) { return }
    if isRequest(der) { throw request }
    do throws(PKIError) { try readPKCS7(der, into: &file) } catch {
      throw refused("it is neither PEM nor a DER certificate, key, PKCS#12 or PKCS#7 file; it may be cut off")
    }
  }

  /// The certificate at the beginning: OpenSSL's trust settings follow it.
  private func leading(_ der: [UInt8]) throws(PKIError) -> Certificate {
    let handle: OpaquePointer? = unsafe der.withUnsafeBufferPointer { buffer in
      var at = buffer.baseAddress
      return unsafe d2i_X509(nil, &at, buffer.count)
    }
    return unsafe try Certificate(owning: try made(handle, "reading a certificate"))
  }

  private func isRequest(_ der: [UInt8]) -> Bool {
    let handle: OpaquePointer? = unsafe der.withUnsafeBufferPointer { buffer in
      var at = buffer.baseAddress
      return unsafe d2i_X509_REQ(nil, &at, buffer.count)
    }
    guard let handle = unsafe handle else { return false }
    unsafe X509_REQ_free(handle)
    return true
  }

  func readPKCS7(_ der: [UInt8], into file: inout CertificateFile) throws(PKIError) {
    let what = "reading a PKCS#7 file"
    let stack = unsafe der.withUnsafeBufferPointer { buffer in
      unsafe certd_d2i_PKCS7_certs(buffer.baseAddress, buffer.count)
    }
    let certificates = try unsafe made(stack, what)
    defer { unsafe certd_sk_X509_pop_free(certificates) }
    let count = unsafe certd_sk_X509_num(certificates)
    for index in 0..<count {
      guard let one = unsafe certd_sk_X509_value(certificates, index) else { continue }
      guard unsafe X509_up_ref(one) == 1 else { continue }
      file.certificates.append(unsafe try Certificate(owning: one))
    }
    if file.certificates.isEmpty { throw refused("it is a PKCS#7 file without a certificate") }
  }

  /// The most iterations by which a PKCS#12 file's password is hashed: more would take minutes.
  private static let maximumIterations = 1_000_000

  private func macIterations(_ bag: OpaquePointer) -> Int {
    var count: UnsafePointer<ASN1_INTEGER>?
    unsafe PKCS12_get0_mac(nil, nil, nil, &count, bag)
    guard let count = unsafe count else { return 1 }
    let number = unsafe ASN1_INTEGER_get(count)
    return number < 0 ? .max : number
  }

  /// False when it is no PKCS#12 file.
  private func readPKCS12(_ der: [UInt8], into file: inout CertificateFile) throws(PKIError) -> Bool {
    let bag: OpaquePointer? = unsafe der.withUnsafeBufferPointer { buffer in
      var at = buffer.baseAddress
      return unsafe d2i_PKCS12(nil, &at, buffer.count)
    }
    guard let bag = unsafe bag else { return false }
    defer { unsafe PKCS12_free(bag) }
    ERR_clear_error()
    let given = password ?? ""
    guard unsafe macIterations(bag) <= Self.maximumIterations else {
      throw refused("it is a PKCS#12 file with more than \(Self.maximumIterations) iterations")
    }
    guard unsafe PKCS12_mac_present(bag) == 0 || PKCS12_verify_mac(bag, given, -1) == 1 else {
      throw refused(
        password == nil
          ? "it is a PKCS#12 file with a password: name its password_file"
          : "it is a PKCS#12 file that the password of password_file does not open")
    }
    var key: OpaquePointer?
    var leaf: OpaquePointer?
    var others: OpaquePointer?
    guard unsafe PKCS12_parse(bag, given, &key, &leaf, &others) == 1 else {
      let reason = PKIError.drained("").reason
      throw refused(
        "it is a PKCS#12 file that OpenSSL cannot decrypt (\(reason))",
        "openssl pkcs12 -legacy -in \(path) -nodes -out new.pem")
    }
    defer { unsafe others.map { unsafe certd_sk_X509_pop_free($0) } }
    var failure: PKIError?
    func take(_ body: () throws(PKIError) -> Void) {
      do throws(PKIError) { try body() } catch { failure = failure ?? error }
    }
    if let key = unsafe key {
      take { () throws(PKIError) in file.keys.append(unsafe try PrivateKey(checking: key)) }
    }
    if let leaf = unsafe leaf {
      take { () throws(PKIError) in file.certificates.append(unsafe try Certificate(owning: leaf)) }
    }
    if let others = unsafe others {
      let count = unsafe certd_sk_X509_num(others)
      for index in 0..<count {
        guard let one = unsafe certd_sk_X509_value(others, index) else { continue }
        guard unsafe X509_up_ref(one) == 1 else { continue }
        take { () throws(PKIError) in file.certificates.append(unsafe try Certificate(owning: one)) }
      }
    }
    if let failure { throw failure }
    return true
  }
}
