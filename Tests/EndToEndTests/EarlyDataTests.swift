import EndToEnd
import OS
import TestPeers
import TestSupport
import TestRun
import Testing

/// Early data with a real client: `openssl s_client`.
@Suite(.ownThread) struct EarlyDataTests {
  @Test("openssl s_client is answered by its second connection's early data, once for each ticket")
  func sClient() async throws {
    let place = try Place()
    let certd = try Certd(place)
    let backend = try LocalServer { connection in
      while true {
        let head = connection.readHead()
        guard head.hasSuffix("\r\n\r\n") else { return }
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(head.utf8.count)\r\n\r\n\(head)")
      }
    }
    try place.write(
      "certd.yaml",
      """
      store: store
      acme: {issuers: [local]}
      listeners: [{address: "127.0.0.1:0", early_data: true}]
      routes: [{hosts: [localhost], service: echo}]
      services: {echo: {backends: ["127.0.0.1:\(backend.address.port)"]}}
      """)
    let daemon = try await certd.run(["--config", place("certd.yaml")])
    try await daemon.logged("certificate proven")
    let port = try daemon.httpsPort()
    try place.write("early.txt", "GET /early HTTP/1.1\r\nHost: localhost\r\n\r\n")
    func call(_ more: String) async throws -> Place.Finished {
      try await place.run(
        [
          "sh", "-c",
          "printf 'GET /last HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' | "
            + "openssl s_client -connect 127.0.0.1:\(port) -servername localhost -tls1_3 -ign_eof \(more)",
        ], called: "s_client")
    }
    let first = try await call("-sess_out session.pem")
    #expect(first.output.contains("GET /last HTTP/1.1"), "\(first)")
    #expect(first.output.contains("Max Early Data: 16384"), "\(first)")
    let second = try await call("-sess_in session.pem -early_data early.txt")
    #expect(second.output.contains("Early data was accepted"), "\(second)")
    let answers = second.output.split(separator: "HTTP/1.1 200 OK")
    #expect(answers.count == 3, "\(second)")
    #expect(answers.dropFirst().first?.contains("GET /early HTTP/1.1\r\n") == true)
    #expect(answers.dropFirst().first?.contains("Early-Data: 1\r\n") == true)
    #expect(answers.last?.contains("GET /last HTTP/1.1\r\n") == true)
    #expect(answers.last?.contains("Early-Data") == false)
  }
}
