import EventLoop
import TestSupport
import TestRun
import Testing

private struct Item: Slotted {
  var slot = Slot()
  var value = 0
}

@Suite(.ownThread) struct SlabTests {
  @Test("a slot is fresh and is found by its index and generation")
  func acquire() {
    var slab = Slab<Item>()
    let item = slab.acquire()
    #expect(item.value == 0)
    #expect(item.slot.isLive)
    #expect(slab.count == 1)
    #expect(slab.find(index: item.slot.index, generation: item.slot.generation) == item)
  }

  @Test("a released slot is not found any more, and not given out before it is recycled")
  func release() {
    var slab = Slab<Item>()
    let item = slab.acquire()
    item.value = 7
    let old = item.slot
    slab.release(item)
    #expect(slab.count == 0)
    #expect(slab.find(index: old.index, generation: old.generation) == nil)
    let others = (0..<200).map { _ in slab.acquire() }
    #expect(!others.contains(item))
    slab.recycle()
    let again = (0..<200).map { _ in slab.acquire() }
    #expect(again.contains(item))
    #expect(item.value == 0)
    #expect(slab.find(index: old.index, generation: old.generation) == nil)
    #expect(slab.find(index: old.index, generation: item.slot.generation) == item)
  }

  @Test("releasing twice counts once")
  func releaseTwice() {
    var slab = Slab<Item>()
    let item = slab.acquire()
    slab.release(item)
    slab.release(item)
    slab.recycle()
    #expect(slab.count == 0)
    let all = (0..<100).map { _ in slab.acquire() }
    #expect(Set(all).count == 100)
  }

  @Test("a token of a slot that never was finds nothing")
  func unknownToken() {
    var slab = Slab<Item>()
    #expect(slab.find(index: 0, generation: 0) == nil)
    _ = slab.acquire()
    #expect(slab.find(index: 63, generation: 0) == nil)
    #expect(slab.find(index: 64, generation: 0) == nil)
    #expect(slab.find(index: .max, generation: 0) == nil)
  }

  @Test("the generation of a slot wraps at 24 bits, as a token carries it")
  func generationWraps() {
    var slab = Slab<Item>()
    let item = slab.acquire()
    item.slot.generation = 0xFF_FFFF
    slab.release(item)
    #expect(item.slot.generation == 0)
  }

  @Test("pointers stay where they are while the slab grows, and every slot in use is visited once")
  func growth() {
    var slab = Slab<Item>()
    let items = (0..<1000).map { number in
      let item = slab.acquire()
      item.value = number
      return item
    }
    #expect(Set(items).count == 1000)
    #expect(items.enumerated().allSatisfy { $1.value == $0 })
    for item in items[..<500] { slab.release(item) }
    #expect(slab.live.map { $0.value }.sorted() == Array(500..<1000))
    for item in slab.live { slab.release(item) }
    #expect(slab.count == 0)
  }

  @Test("random acquisitions and releases never give one slot to two owners")
  func random() {
    var random = SeededGenerator(seed: 5)
    var slab = Slab<Item>()
    var owned: [(Ref<Item>, Int)] = []
    for number in 0..<20_000 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0: slab.recycle()
      case 1...5 where !owned.isEmpty:
        let (item, value) = owned.remove(at: Int.random(in: 0..<owned.count, using: &random))
        #expect(item.value == value)
        slab.release(item)
      default:
        let item = slab.acquire()
        item.value = number
        owned.append((item, number))
      }
      #expect(slab.count == owned.count)
    }
  }
}
