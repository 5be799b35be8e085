internal import EventLoop

extension EdgeProxy {
  /// Where a request would go now; nil for what is no request, and when the workers have ended. Changes nothing, and charges
  /// nobody. One worker is asked, by what it serves by.
  public func explain(_ question: RouteQuestion) async -> RouteExplanation? {
    guard let reading = RouteReading(question), let mailbox = mailboxes.first else { return nil }
    return await withCheckedContinuation { (done: CheckedContinuation<RouteExplanation?, Never>) in
      if !mailbox.post(.explain(reading) { done.resume(returning: $0) }) { done.resume(returning: nil) }
    }
  }
}
