import Bytes
import TestRun
import Testing

@Suite(.ownThread) struct UnixTimeTests {
  @Test(
    "a moment is told as RFC 3339 and read back",
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
      (1_795_359_845, "2026-11-22T15:04:05Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
      (-62_167_219_200, "0000-01-01T00:00:00Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
    ] as [(Int64, String)])
  func text(_ seconds: Int64, _ text: String) {
    #expect(UnixTime(seconds: seconds).description == text)
    #expect(UnixTime(rfc3339: text)?.seconds == seconds)
  }

  @Test(
    "the most distant moments have a description and saturate",
    arguments: [Int64.min, .min + 1, .max, .max - 1])
  func extremes(_ seconds: Int64) {
    let time = UnixTime(seconds: seconds)
    #expect(!time.description.isEmpty)
    #expect((time + .max) >= time)
    #expect((time + .min) <= time)
    #expect((time - Int64.max) <= time)
    #expect((time - Int64.min) >= time)
  }

  @Test(
    "offsets, fractions and letter case are read",
    arguments: [
      ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T23:30:00-00:30", 0), ("1970-01-01t00:00:00.999z", 0),
      ("1970-01-01T00:00:00.1+00:00", 0), ("2016-12-31T23:59:60Z", 1_483_228_800),
    ] as [(String, Int64)])
  func variants(_ text: String, _ seconds: Int64) { #expect(UnixTime(rfc3339: text)?.seconds == seconds) }

  @Test(
    "what is no RFC 3339 moment is refused",
    arguments: [
      "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z",
      "1970-00-01T00:00:00Z", "1970-02-30T00:00:00Z", "1971-02-29T00:00:00Z", "1970-01-01T24:00:00Z",
      "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00ZZ",
      "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+00:60",
      "1970-01-01T00:00:00+00:00Z", "+970-01-01T00:00:00Z", "1970-1-01T00:00:00ZZ",
      "1970-01-01T00:00:00\u{E9}",
      "1970-01-01T00:00:00.99999999",
    ])
  func refused(_ text: String) { #expect(UnixTime(rfc3339: text) == nil) }

  @Test("an HTTP date is read")
  func httpDate() {
    #expect(UnixTime(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT")?.seconds == 784_111_777)
    for seconds in [0, 784_111_777, 1_798_761_599, 4_102_444_800] as [Int64] {
      let moment = UnixTime(seconds: seconds)
      #expect(UnixTime(httpDate: moment.httpDate) == moment, "\(moment.httpDate)")
    }
    #expect(UnixTime(seconds: 784_111_777).httpDate == "Sun, 06 Nov 1994 08:49:37 GMT")
  }

  @Test(
    "what is no HTTP date of the preferred form is refused",
    arguments: [
      "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
      "Sun, 06-Nov-1994 08:49:37 GMT", "Sun, 06 Nov 1994T08:49:37 GMT", "Sun, 06 Nov 1994 08.49.37 GMT",
      "Sun; 06 Nov 1994 08:49:37 GMT", "Sun, \u{661} Nov 1994 08:49:37 GMT",
    ])
  func refusedHTTPDate(_ text: String) { #expect(UnixTime(httpDate: text) == nil) }

  @Test("every day of four centuries has its own date and is read back")
  func days() {
    var previous = ""
    for day in stride(from: Int64(-146_097), to: 146_097, by: Tier.isAll ? 1 : 5) {
      let text = UnixTime(seconds: day * 86_400 + 43_200).description
      #expect(UnixTime(rfc3339: text)?.seconds == day * 86_400 + 43_200)
      #expect(text > previous)
      previous = text
    }
  }
}
