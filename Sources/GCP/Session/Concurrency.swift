/// Does something for each element, so many at once at most; the results stand in the elements' order.
func concurrently<Element: Sendable, Result: Sendable>(
  _ elements: [Element], atMost most: Int = concurrentCalls,
  _ body: @escaping @Sendable (Element) async -> Result
) async -> [Result] {
  await withTaskGroup(of: (Int, Result).self) { group in
    var results = [Result?](repeating: nil, count: elements.count)
    var next = 0
    while next < min(most, elements.count) {
      let index = next
      group.addTask { (index, await body(elements[index])) }
      next += 1
    }
    while let (index, result) = await group.next() {
      results[index] = result
      if next < elements.count {
        let index = next
        group.addTask { (index, await body(elements[index])) }
        next += 1
      }
    }
    return results.compactMap(\.self)
  }
}

/// Calls under way at once; the rate is limited besides.
let concurrentCalls = 16
