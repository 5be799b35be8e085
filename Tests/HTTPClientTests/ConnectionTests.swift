import HTTP
import HTTPClient
import OS
import TLS
import TestPeers
import TestSupport
import TestRun
import Testing

@Suite(.ownThread) struct ConnectionTests {
  @Test("a kept connection serves the next request")
  func reuse() async throws {
    let server = try LocalServer { connection in
      for number in 1...3 {
        _ = connection.readHead()
        connection.write(answer("\(number)"))
      }
    }
    let client = try client()
    for number in 1...3 {
      let response = try await client.send(request(server.url()))
      #expect(response.text == "\(number)")
    }
    #expect(server.connections == 1)
  }

  @Test("a connection is not kept when either side does not want it")
  func notKept() async throws {
    let server = try LocalServer { connection in
      let head = connection.readHead()
      connection.write(
        head.contains("/close")
          ? "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" : answer("x"))
      connection.readToEnd()
    }
    let client = try client()
    _ = try await client.send(request(server.url("/close")))
    _ = try await client.send(request(server.url()), .init(keepsAlive: false))
    _ = try await client.send(request(server.url()))
    #expect(server.connections == 3)
  }

  @Test("an idempotent request that meets a kept connection being closed is made again on a new one")
  func staleConnection() async throws {
    let server = try LocalServer(
      { connection in
        _ = connection.readHead()
        connection.write(answer("first"))
        _ = connection.readHead()
      },
      { connection in
        _ = connection.readHead()
        connection.write(answer("second"))
        _ = connection.readHead()
      })
    let client = try client()
    #expect(try await client.send(request(server.url())).text == "first")
    #expect(try await client.send(request(server.url())).text == "second")
    #expect(server.connections == 2)
  }

  @Test("a request that must not be repeated is not: its caller is told")
  func staleConnectionPOST() async throws {
    let server = try LocalServer { connection in
      _ = connection.readHead()
      connection.write(answer("first"))
      _ = connection.readHead()
    }
    let client = try client()
    #expect(try await client.send(request(server.url())).text == "first")
    let error = await failure { _ = try await client.send(request(server.url(), "POST", body: "x")) }
    #expect(error?.kind == .dropped)
    #expect(server.connections == 1)
  }

  @Test("a request is not made again when a part of the answer has come")
  func partialAnswer() async throws {
    let server = try LocalServer { connection in
      _ = connection.readHead()
      connection.write(answer("first"))
      _ = connection.readHead()
      connection.write("HTTP/1.1 200 OK\r\nContent-")
    }
    let client = try client()
    #expect(try await client.send(request(server.url())).text == "first")
    let error = await failure { _ = try await client.send(request(server.url())) }
    #expect(error?.kind == .dropped)
    #expect(server.connections == 1)
  }

  @Test("a kept connection is not used by a request with another trust")
  func otherContext() async throws {
    let server = try LocalServer { connection in
      while connection.readHead().hasSuffix("\r\n\r\n") { connection.write(answer("x")) }
    }
    let client = try client()
    for _ in 0..<5 {
      _ = try await client.send(request(server.url()), .init(context: .init(trust: .init(system: false))))
    }
    #expect(server.connections == 5)
  }

  @Test("a server that says nothing is given up at the deadline")
  func deadline() async throws {
    let server = try LocalServer { $0.readToEnd() }
    let client = try client()
    let error = await failure {
      _ = try await client.send(request(server.url()), .init(deadlineMilliseconds: 50))
    }
    #expect(error?.kind == .timeout)
  }

  @Test("the longest deadline is no deadline in the past")
  func longestDeadline() async throws {
    let server = try LocalServer { connection in
      _ = connection.readHead()
      connection.write(answer("x"))
    }
    #expect(try await client().send(request(server.url()), .init(deadlineMilliseconds: .max)).text == "x")
  }

  @Test("a cancelled task's request ends, and the server sees its connection close")
  func cancellation() async throws {
    let arrived = AsyncStream.makeStream(of: Void.self)
    let closed = AsyncStream.makeStream(of: Void.self)
    let server = try LocalServer { connection in
      _ = connection.readHead()
      arrived.continuation.finish()
      connection.readToEnd()
      closed.continuation.finish()
    }
    let client = try client()
    let task = Task { await failure { _ = try await client.send(request(server.url())) } }
    for await _ in arrived.stream {}
    task.cancel()
    #expect(await task.value?.kind == .cancelled)
    for await _ in closed.stream {}
  }

  @Test("a task that was cancelled before asks nothing of the server")
  func cancelledBefore() async throws {
    let server = try LocalServer { connection in
      _ = connection.readHead()
      connection.write(answer("x"))
    }
    let client = try client()
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await failure { _ = try await client.send(request(server.url())) }
    }
    #expect(await task.value?.kind == .cancelled)
    #expect(try await client.send(request(server.url())).text == "x")
    #expect(server.connections == 1)
  }

  @Test("many requests at once each get their own answer")
  func concurrent() async throws {
    let server = try LocalServer { connection in
      while true {
        let head = connection.readHead()
        guard head.hasPrefix("GET /") else { return }
        connection.write(answer(String(head.dropFirst(5).prefix { $0 != " " })))
      }
    }
    let client = try client()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<60 {
        group.addTask {
          let response = try await client.send(request(server.url("/\(number)")))
          #expect(response.text == "\(number)")
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("a refused connection is told with the address, and the next address of a name is tried")
  func refused() async throws {
    let (error, port) = try await refusedError()
    #expect(error?.kind == .connect)
    #expect(error?.reason.contains("refused") == true)
    #expect(error?.reason.contains("127.0.0.1:\(port)") == true)
    // A name may resolve to ::1 first, where nothing listens.
    let server = try LocalServer { connection in
      _ = connection.readHead()
      connection.write(answer("x"))
    }
    #expect(try await client().send(request(server.url(host: "localhost"))).text == "x")
  }

  private func refusedError() async throws -> (HTTPClientError?, UInt16) {
    // Bound and not listening: nobody else gets the port meanwhile.
    let any = try #require(SocketAddress(host: "127.0.0.1", port: 0))
    let holder = try ListeningSocket.open(any)
    let address = try ListeningSocket.address(of: holder.number)
    let url = "http://127.0.0.1:\(address.port)/"
    stopListening(holder.number)
    let client = try client()
    return (await failure { _ = try await client.send(request(url)) }, address.port)
  }

  @Test("a connection can be tried alone")
  func connectOnly() async throws {
    let server = try LocalServer { $0.readToEnd() }
    let client = try client()
    try await client.connect(to: server.address, deadlineMilliseconds: 20_000)
  }

  @Test("a name that does not exist is a failure to resolve")
  func unresolvable() async throws {
    let client = try client()
    let error = await failure { _ = try await client.send(request("http://does-not-exist.invalid/")) }
    #expect(error?.kind == .resolve)
    #expect(error?.reason.contains("does-not-exist.invalid") == true)
  }
}
