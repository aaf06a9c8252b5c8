import CompiledFixtures
import ELFReader
import Testing

/// Files damaged on purpose: always an error or an answer, never a crash.
@Suite struct DamagedFileTests {
  let intact: [UInt8]

  init() throws {
    let fixture = try CompiledFixture()
    intact = try readRegularFile(
      fixture.compile(
        "int counter; int next(void) { return ++counter; }"
          + "__attribute__((constructor)) void begin(void) { counter = 1; }", to: "lib.so",
        ["-shared", "-fPIC", "-Wl,--build-id"]))
  }

  /// Asks the reader for everything it can tell.
  func readAll(_ bytes: [UInt8]) throws(ELFError) {
    let file = try ELFFile(bytes: bytes, name: "damaged")
    var errors: [ELFError] = []
    func attempt(_ read: () throws(ELFError) -> Void) {
      do throws(ELFError) { try read() } catch { errors.append(error) }
    }
    for section in file.sections {
      attempt { () throws(ELFError) in _ = try file.contents(of: section) }
    }
    for segment in file.segments {
      attempt { () throws(ELFError) in
        _ = try file.bytes(
          atVirtualAddress: segment.address, count: Int(truncatingIfNeeded: segment.fileSize))
      }
    }
    attempt { () throws(ELFError) in _ = try file.buildID() }
    attempt { () throws(ELFError) in _ = try file.functionSymbols().containing(0x1000) }
    attempt { () throws(ELFError) in
      guard let array = try file.dynamicInformation()?.constructors else { return }
      _ = try file.pointers(atVirtualAddress: array.address, size: array.size)
    }
    if let first = errors.first { throw first }
  }

  @Test func everyTruncationIsAnError() throws {
    try readAll(intact)
    for length in 0..<intact.count {
      let error = #expect(throws: ELFError.self) { try readAll(Array(intact.prefix(length))) }
      guard let error else { continue }
      #expect(error.description.contains("damaged"))
    }
  }

  @Test(arguments: [0x00, 0x01, 0x7f, 0x80, 0xff] as [UInt8])
  func noFlippedByteOfAHeaderCrashes(value: UInt8) throws {
    let sectionHeaders = Int(try #require(intact.littleEndian(at: 40, as: UInt64.self)))
    let programHeaders =
      64..<(64 + 56 * Int(try #require(intact.littleEndian(at: 56, as: UInt16.self))))
    var refused = 0
    for offset in Array(0..<64) + Array(programHeaders) + Array(sectionHeaders..<intact.count) {
      var bytes = intact
      bytes[offset] = value
      do throws(ELFError) { try readAll(bytes) } catch { refused += 1 }
    }
    #expect(refused > 0)
  }

  @Test func noFlippedByteOfTablesOrNotesCrashes() throws {
    let file = try ELFFile(bytes: intact, name: "intact")
    for name in [
      ".symtab", ".dynsym", ".note.gnu.build-id", ".strtab", ".shstrtab", ".dynamic", ".rela.dyn",
    ] {
      let section = try #require(file.section(named: name))
      for offset in Int(section.offset)..<Int(section.offset + section.size) {
        var bytes = intact
        bytes[offset] = 0xff
        try? readAll(bytes)
      }
    }
  }

  /// Lengths and counts that no file can have, each with the field they stand in.
  @Test(arguments: [
    (field: 40, value: UInt64.max, width: 8),  // e_shoff
    (field: 40, value: UInt64.max - 63, width: 8),
    (field: 32, value: UInt64.max, width: 8),  // e_phoff
    (field: 58, value: 1, width: 2),  // e_shentsize
    (field: 54, value: 0, width: 2),  // e_phentsize
    (field: 60, value: 0xfeff, width: 2),  // e_shnum
    (field: 56, value: 0xffff, width: 2),  // e_phnum
    (field: 62, value: 0xfefe, width: 2),  // e_shstrndx
  ])
  func absurdHeaderFieldIsAnError(field: Int, value: UInt64, width: Int) throws {
    var bytes = intact
    bytes.store(value, width: width, at: field)
    #expect(throws: ELFError.self) { try readAll(bytes) }
  }

  @Test func absurdSectionSizesAreErrors() throws {
    let table = Int(try #require(intact.littleEndian(at: 40, as: UInt64.self)))
    let file = try ELFFile(bytes: intact, name: "intact")
    for (index, section) in file.sections.enumerated() where section.occupiesFile {
      for size in [UInt64.max, UInt64.max - section.offset + 1, 1 << 40] {
        var bytes = intact
        bytes.store(size, width: 8, at: table + 64 * index + 32)
        #expect(throws: ELFError.self, "section \(section.name), size \(size)") {
          try readAll(bytes)
        }
      }
    }
    // A count of sections in section 0 whose product with 64 wraps to something small.
    var bytes = intact
    bytes.store(0, width: 2, at: 60)
    bytes.store((1 << 58) + 1, width: 8, at: table + 32)
    #expect(
      throws: ELFError.malformed(
        file: "damaged", detail: "it claims \((1 << 58) + 1) section headers")
    ) {
      try readAll(bytes)
    }
  }
}

extension [UInt8] {
  fileprivate mutating func store(_ value: UInt64, width: Int, at offset: Int) {
    for index in 0..<width {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
  }
}
