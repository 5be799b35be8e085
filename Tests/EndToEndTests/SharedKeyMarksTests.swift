import Scratch
import TestRun
import Testing

@testable import certd

@Suite("Whose keys are newer", .ownThread) struct SharedKeyMarksTests {
  @Test("after a restart too, it is known whether the fleet or this node has changed its keys since")
  func choices() throws {
    let scratch = try ScratchDirectory()
    let (old, here, there) = (Array("old".utf8), Array("here".utf8), Array("there".utf8))
    var marks = SharedKeyMarks(scratch.path)
    #expect(marks.choice("team", own: nil, fleet: nil) == .nothing)
    #expect(marks.choice("team", own: here, fleet: nil) == .offer)
    #expect(marks.choice("team", own: nil, fleet: there) == .take)
    #expect(marks.choice("team", own: here, fleet: there) == .conflict)
    marks.agree("team", old)
    let again = SharedKeyMarks(scratch.path)
    #expect(again.choice("team", own: old, fleet: there) == .take)
    #expect(again.choice("team", own: here, fleet: old) == .offer)
    #expect(again.choice("team", own: here, fleet: there) == .conflict)
    #expect(again.choice("team", own: old, fleet: old) == .nothing)
  }
}
