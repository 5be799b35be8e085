import OS
import PKI
import Scratch
import Synchronization
import TestRun
import Testing

@testable import ACME
@testable import Renewal

/// Answers in another web server's folder, over the death of whoever put them there.
@Suite(.ownThread) struct WebrootTests {
  @Test("what a killed run has left is removed by a later one, what another run needs is not")
  func leftovers() throws {
    let place = try ScratchDirectory()
    let fs = FileSystem()
    try fs.makeDirectory("\(place.path)/www", mode: 0o755)
    let time = Mutex<Int64>(1000)
    func webroot() -> Webroot {
      Webroot("\(place.path)/www", record: "\(place.path)/record", now: { time.withLock { $0 } })
    }
    func answers() throws -> [String] { try fs.list("\(place.path)/www/.well-known/acme-challenge").sorted() }
    try webroot().publish(answer("old"))
    time.withLock { $0 += 3599 }
    try webroot().publish(answer("new"))
    // A file of somebody else's that a forged record names.
    try fs.publish("\(place.path)/www/index.html", [1], mode: 0o644)
    try fs.publish(
      "\(place.path)/record/index.html", Array("0 \(place.path)/www/index.html".utf8), mode: 0o600)
    webroot().tidy()
    #expect(try answers() == ["new", "old"])
    time.withLock { $0 += 1 }
    webroot().tidy()
    #expect(try answers() == ["new"])
    #expect(try fs.list("\(place.path)/record") == ["new"])
    #expect(try fs.list("\(place.path)/www").contains("index.html"))
    webroot().withdraw(answer("new"))
    #expect(try answers().isEmpty)
  }

  private func answer(_ token: String) -> ChallengeAnswer {
    ChallengeAnswer(
      type: .http01, identifier: .dns("example.com"), token: token, keyAuthorization: "\(token).thumb")
  }
}
