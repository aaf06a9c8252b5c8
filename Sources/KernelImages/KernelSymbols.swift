import ELFReader
import Foundation

/// The symbols that a kernel carries for its own messages (kallsyms), which survive stripping.
///
/// Source followed: what the kernel's `scripts/kallsyms.c` writes and `kernel/kallsyms.c` reads. A
/// name is a string of tokens, one byte each, out of a table of 256; an address is a distance from a
/// base. Nothing says where the tables are, so each is found by a property that only it has, and checked
/// against the others. A kernel without these tables, or with a newer format, has no symbols here: they
/// are for people to read, and nothing else depends on them.
struct KernelSymbols {
  /// The functions, each reaching to the next.
  let functions: [FunctionSymbol]

  /// Looks for the tables in the kernel's constants.
  ///
  /// - Parameters:
  ///   - kernel: An unpacked vmlinux.
  ///   - text: The section that `_text` begins, which addresses count from.
  init?(of kernel: ELFFile, text: Section) {
    guard let section = kernel.section(named: ".rodata"),
      let constants = try? Array(kernel.contents(of: section)),
      let tokens = TokenTable(in: constants),
      let names = NameTable(in: constants, before: tokens.start),
      let addresses = symbolAddresses(
        in: constants, names: names, tokens: tokens, base: text.address)
    else { return nil }

    var found: [(name: String, address: UInt64)] = []
    for (compressed, address) in zip(names.ranges, addresses) {
      guard let address else { continue }
      let letters = constants[compressed].flatMap { tokens.tokens[Int($0)] }
      // The first letter is the symbol's kind, as `nm` prints it; these are the kinds of code.
      guard let kind = letters.first, "TtWw".utf8.contains(kind) else { continue }
      found.append((String(decoding: letters.dropFirst(), as: UTF8.self), address))
    }
    found.sort { ($0.address, $0.name) < ($1.address, $1.name) }
    var functions: [FunctionSymbol] = []
    for (index, symbol) in found.enumerated() {
      // Of several names for one address the last one is taken, which does not begin with underscores.
      let end = index + 1 < found.count ? found[index + 1].address : text.address &+ text.size
      guard end > symbol.address else { continue }
      functions.append(
        FunctionSymbol(name: symbol.name, address: symbol.address, size: end - symbol.address))
    }
    self.functions = functions
  }
}

/// The 256 strings that names are made of.
private struct TokenTable {
  let start: Int
  /// Behind the table's index, which follows it.
  let end: Int
  let tokens: [ArraySlice<UInt8>]

  init?(in constants: [UInt8]) {
    // Digits are always their own tokens, so that this stands in every table.
    let digits = Data("0\u{0}1\u{0}2\u{0}3\u{0}4\u{0}5\u{0}6\u{0}7\u{0}8\u{0}9\u{0}".utf8)
    let data = Data(constants)
    var unsearched = data.startIndex..<data.endIndex
    while let found = data.range(of: digits, in: unsearched) {
      if let table = TokenTable(constants, zeroDigitAt: found.lowerBound) {
        self = table
        return
      }
      unsearched = (found.lowerBound + 1)..<data.endIndex
    }
    return nil
  }

  // `digit` is where the string of token 48, the digit 0, begins.
  private init?(_ constants: [UInt8], zeroDigitAt digit: Int) {
    var start = digit
    for _ in 0..<0x30 {
      guard start > 0, let zero = constants[..<(start - 1)].lastIndex(of: 0) else { return nil }
      start = zero + 1
    }
    var tokens: [ArraySlice<UInt8>] = []
    var next = start
    while tokens.count < 256 {
      guard let zero = constants[next...].firstIndex(of: 0) else { return nil }
      tokens.append(constants[next..<zero])
      next = zero + 1
    }
    // The index repeats where each token begins, which nothing else in a kernel does.
    let index = aligned(next)
    for (number, token) in tokens.enumerated() {
      let offset: UInt16? = constants.littleEndian(at: index + 2 * number)
      guard offset.map(Int.init) == token.startIndex - start else { return nil }
    }
    self.start = start
    self.tokens = tokens
    end = index + 512
  }
}

/// The names, each as the range of its tokens, in the order of the addresses.
private struct NameTable {
  /// Where the number of symbols stands, right before the names.
  let start: Int
  let ranges: [Range<Int>]

  private static let plausibleCounts: ClosedRange<UInt32> = 256...(1 << 22)

  init?(in constants: [UInt8], before tokens: Int) {
    for start in stride(from: tokens & ~7, through: 0, by: -8) {
      guard let count: UInt64 = constants.littleEndian(at: start), count <= UInt32.max,
        Self.plausibleCounts.contains(UInt32(count))
      else { continue }
      // Between the names and the tokens lie the markers and, in some versions, the names' order.
      let markerSize = aligned(4 * ((Int(count) + 255) / 256))
      for orderSize in [0, aligned(3 * Int(count))] {
        if let table = NameTable(
          constants, start: start, count: Int(count), markers: tokens - orderSize - markerSize)
        {
          self = table
          return
        }
      }
    }
    return nil
  }

  /// A marker says where each 256th name begins; only the right number of symbols has all agree.
  private init?(_ constants: [UInt8], start: Int, count: Int, markers: Int) {
    var next = start + 8
    let lastMarker = markers + 4 * ((count - 1) / 256)
    guard markers > next, constants.littleEndian(at: markers) == 0 as UInt32,
      let last: UInt32 = constants.littleEndian(at: lastMarker), Int(last) < markers - next
    else { return nil }
    let first = next
    var ranges: [Range<Int>] = []
    for number in 0..<count {
      if number % 256 == 0 {
        let marker: UInt32? = constants.littleEndian(at: markers + 4 * (number / 256))
        guard marker.map(Int.init) == next - first else { return nil }
      }
      guard next + 1 < markers else { return nil }
      // Names of 128 tokens and more have their length in two bytes.
      let isLong = constants[next] >= 0x80
      let length = Int(constants[next] & 0x7f) + (isLong ? Int(constants[next + 1]) << 7 : 0)
      next += isLong ? 2 : 1
      guard length > 0, next + length <= markers else { return nil }
      ranges.append(next..<(next + length))
      next += length
    }
    guard aligned(next) == markers else { return nil }
    self.start = start
    self.ranges = ranges
  }
}

/// The symbols' addresses; nil for those that are no place in memory.
///
/// They stand before the names up to Linux 6.3, and behind the tokens since then.
private func symbolAddresses(
  in constants: [UInt8], names: NameTable, tokens: TokenTable, base: UInt64
) -> [UInt64?]? {
  let count = names.ranges.count
  let size = aligned(4 * count)
  for (offsets, baseOffset) in [
    (names.start - 8 - size, names.start - 8), (tokens.end, tokens.end + size),
  ] where constants.littleEndian(at: baseOffset) == base {
    let distances = (0..<count).compactMap {
      constants.littleEndian(at: offsets + 4 * $0, as: Int32.self)
    }
    guard distances.count == count else { return nil }
    // Where per-CPU symbols keep their absolute values, all others are negative and count from -1.
    let hasAbsolute = distances.contains { $0 < 0 }
    return distances.map { distance in
      if !hasAbsolute { return base &+ UInt64(distance) }
      return distance < 0 ? base &+ UInt64(-1 - Int64(distance)) : nil
    }
  }
  return nil
}

/// The next multiple of eight, to which all these tables are aligned.
private func aligned(_ offset: Int) -> Int { (offset + 7) & ~7 }
