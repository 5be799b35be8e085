import OS
import TestRun
import Testing

@Suite("Hashes of passwords", .ownThread) struct PasswordHashTests {
  @Test(
    "bcrypt and SHA hashes of crypt(3) are verified, and nothing else is taken for one",
    arguments: [
      ("secret", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", true),
      ("Secret", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", false),
      // From the test vectors of crypt_blowfish.
      ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", true),
      ("U*V", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", false),
      ("secret", "secret", false), ("", "", false), ("secret", "$5$", false),
    ])
  func verify(_ password: String, _ hash: String, _ isRight: Bool) throws {
    try #require(PasswordHash.isAvailable)
    #expect(PasswordHash.verify(password, hash) == isRight)
  }

  @Test("a password that bcrypt would cut is none")
  func long() {
    #expect(
      !PasswordHash.verify(
        String(repeating: "a", count: 73), "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"))
  }
}
