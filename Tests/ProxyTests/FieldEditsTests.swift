import HTTP
import Proxy
import TestRun
import Testing

@Suite(.ownThread) struct FieldEditsTests {
  @Test("what a route says of a field comes after what is said for every route")
  func after() {
    var general = Settings.FieldEdits()
    general.request.set = [.init("X-Team", "all"), .init("X-Key", "k"), .init("X-Kept", "1")]
    general.request.remove = ["Cookie"]
    general.response.remove = ["Server"]
    var own = Settings.FieldEdits()
    own.request.set = [.init("x-team", "blue")]
    own.request.remove = ["x-key", "cookie"]
    let both = own.after(general)
    #expect(both.request.set == [.init("X-Kept", "1"), .init("x-team", "blue")])
    #expect(both.request.remove == ["Cookie", "x-key"])
    #expect(both.response == general.response)
    #expect(Settings.FieldEdits().after(general) == general)
  }

  @Test("values, which may be secrets, are in no description")
  func secrets() {
    var edits = Settings.FieldEdits()
    edits.request.set = [.init("Authorization", "Bearer s3cret")]
    #expect(!"\(edits)".contains("s3cret") && "\(edits)".contains("Authorization"))
    #expect(!String(reflecting: edits).contains("s3cret"))
  }
}
