import GuestSiteTable
import Testing

/// The table as the kernel module checks it.
@Suite struct GuestSiteTableTests {
  let entries: [GuestSiteTable.Entry] = [
    .init(offset: 0x400, operation: .kick, length: 6),
    .init(offset: 0x20, operation: .slowPath, length: 6),
    .init(offset: 0x26, operation: .vcpuIsPreempted, length: 6),
  ]

  func encode(
    _ entries: [GuestSiteTable.Entry], buildID: [UInt8] = [1, 2, 3],
    release: String = "6.1.0-56-amd64", version: String = "#1 SMP Test"
  ) throws(GuestSiteTable.Fault) -> [UInt8] {
    try GuestSiteTable.encode(entries, buildID: buildID, release: release, version: version)
  }

  @Test func comesBackSortedAndBound() throws {
    let table = try encode(entries)
    #expect(try check(table) == entries.count)
    let span = table.span
    let back = (0..<entries.count).compactMap { unsafe GuestSiteTable.entry($0, in: span.bytes) }
    #expect(back == entries.sorted { $0.offset < $1.offset })

    func matches(
      _ bytes: [UInt8], _ compare: (RawSpan, RawSpan) -> Bool
    ) -> Bool { unsafe compare(table.span.bytes, bytes.span.bytes) }
    #expect(matches([1, 2, 3]) { GuestSiteTable.table($0, hasBuildID: $1) })
    #expect(!matches([1, 2]) { GuestSiteTable.table($0, hasBuildID: $1) })
    #expect(!matches([1, 2, 3, 0]) { GuestSiteTable.table($0, hasBuildID: $1) })
    #expect(!matches([1, 2, 4]) { GuestSiteTable.table($0, hasBuildID: $1) })
    #expect(matches(Array("6.1.0-56-amd64".utf8)) { GuestSiteTable.table($0, hasRelease: $1) })
    for other in ["6.1.0-56-amd6", "6.1.0-56-amd64 ", "", String(repeating: "6", count: 500)] {
      #expect(!matches(Array(other.utf8)) { GuestSiteTable.table($0, hasRelease: $1) })
    }
    #expect(matches(Array("#1 SMP Test".utf8)) { GuestSiteTable.table($0, hasVersion: $1) })
    #expect(!matches(Array("#2 SMP Test".utf8)) { GuestSiteTable.table($0, hasVersion: $1) })
  }

  @Test func everyDamageIsFound() throws {
    let table = try encode(entries)
    for offset in table.indices {
      for bit in 0..<8 {
        var damaged = table
        damaged[offset] ^= 1 << bit
        #expect(throws: GuestSiteTable.Fault.self) { try check(damaged) }
      }
    }
    for length in 0..<table.count {
      #expect(throws: GuestSiteTable.Fault.self) { try check(Array(table.prefix(length))) }
    }
    #expect(throws: GuestSiteTable.Fault.wrongSize) { try check(table + [0]) }
  }

  @Test func entriesThatCannotBeAreRefused() {
    let overlapping: [GuestSiteTable.Entry] = [
      .init(offset: 0x20, operation: .unlock, length: 6),
      .init(offset: 0x25, operation: .unlock, length: 6),
    ]
    #expect(throws: GuestSiteTable.Fault.badEntry) { try encode(overlapping) }
    #expect(throws: GuestSiteTable.Fault.badEntry) { try encode([]) }
    #expect(throws: GuestSiteTable.Fault.badEntry) {
      try encode([.init(offset: 0, operation: .unlock, length: 0)])
    }
    #expect(throws: GuestSiteTable.Fault.badIdentity) { try encode(entries, buildID: []) }
    #expect(throws: GuestSiteTable.Fault.badIdentity) {
      try encode(entries, buildID: Array(repeating: 7, count: 33))
    }
    #expect(throws: GuestSiteTable.Fault.badIdentity) { try encode(entries, release: "") }
    #expect(throws: GuestSiteTable.Fault.badIdentity) {
      try encode(entries, version: String(repeating: "v", count: 65))
    }
  }

  @Test func checksumIsTheWellKnownOne() {
    let digits = Array("123456789".utf8)
    #expect(unsafe CRC32.checksum(digits.span.bytes, count: digits.count) == 0xcbf4_3926)
  }

  private func check(_ table: [UInt8]) throws -> Int {
    try unsafe GuestSiteTable.check(table.span.bytes)
  }
}
