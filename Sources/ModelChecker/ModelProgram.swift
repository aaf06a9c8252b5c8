/// How the memory of the model orders accesses.
public enum MemoryModel: String, Sendable, Codable, CaseIterable {
  /// Sequential consistency: every access takes effect at once.
  case sequentialConsistency = "SC"
  /// x86-TSO (Owens, Sarkar, Sewell, TPHOLs 2009): each CPU has a FIFO store buffer with forwarding;
  /// locked instructions and fences execute with it empty.
  case totalStoreOrder = "TSO"
}

/// One CPU of a model.
public struct CPUProgram: Sendable {
  /// What it runs, given its number.
  public var body: @convention(c) (UInt32) -> Void
  /// What may interrupt it between any two of its operations, given its number.
  public var handler: (@convention(c) (UInt32) -> Void)?
  /// How often at most.
  public var interrupts: Int
  /// How often at most it wakes spuriously from sleep.
  public var spuriousWakeUps: Int
  /// Whether it is meant to run for ever, so that doing so is no livelock.
  ///
  /// Then it must return to states it has been in.
  public var isEndless = false

  /// A CPU that runs a body, by default without interrupts and without spurious wake-ups.
  public init(
    _ body: @escaping @convention(c) (UInt32) -> Void,
    handler: (@convention(c) (UInt32) -> Void)? = nil, interrupts: Int = 0,
    spuriousWakeUps: Int = 0
  ) {
    self.body = body
    self.handler = handler
    self.interrupts = interrupts
    self.spuriousWakeUps = spuriousWakeUps
  }
}

/// A model: a small machine, what its memory holds, and what its CPUs run.
///
/// The bodies are real code. They must be deterministic, must not allocate, and must keep all their
/// state in local variables and in the model's memory: the explorer copies the stacks of running
/// bodies and puts them back. A loop that pauses must depend only on what it reads.
public struct ModelProgram: Sendable {
  /// Its name in reports.
  public var name: String
  /// The CPUs, by number.
  public var cpus: [CPUProgram]
  /// The memory model.
  public var memoryModel: MemoryModel
  /// How many stores a store buffer holds, from 1 to 8.
  public var storeBufferSize: Int
  /// The words of memory.
  public var layout: WordLayout
  /// Called before the CPUs start, in the thread that explores: sets what bodies may only read.
  ///
  /// Other threads may explore at the same time, so it must be local to this thread: see
  /// `Simulated.context`.
  public var setUp: @Sendable () -> Void
  /// Checks each access of bodies as it takes effect, or enters a store buffer; returns what is
  /// wrong.
  ///
  /// Runs outside the bodies: what it keeps on the stack makes no two states look different.
  public var watch: (@Sendable (WatchedAccess) -> String?)?
  /// Checks the memory when all CPUs have finished; returns what is wrong.
  public var atEnd: @Sendable (FinalMemory) -> String?

  /// A model.
  public init(
    name: String, cpus: [CPUProgram], memoryModel: MemoryModel, storeBufferSize: Int = 8,
    layout: WordLayout, setUp: @escaping @Sendable () -> Void = {},
    atEnd: @escaping @Sendable (FinalMemory) -> String? = { _ in nil }
  ) {
    self.name = name
    self.cpus = cpus
    self.memoryModel = memoryModel
    self.storeBufferSize = storeBufferSize
    self.layout = layout
    self.setUp = setUp
    self.atEnd = atEnd
  }
}

/// An access to memory that is not book-keeping, made by a body.
public struct WatchedAccess {
  /// The CPU.
  public let cpu: Int
  /// The word.
  public let address: UInt
  let cpus: Cells<CPUState>
  let memory: ModelMemory

  /// Reads a word of `width` bytes as the CPU sees it: under the stores in its own buffer.
  public func read(_ address: UInt, width: Int = 8) -> UInt64 {
    cpus[cpu].visible(UInt64(address), UInt8(width), in: memory)
  }
}

/// The memory after a run.
public struct FinalMemory {
  let memory: ModelMemory

  /// Reads a word of `width` bytes.
  public func read(_ address: UInt, width: Int = 8) -> UInt64 {
    memory.read(UInt64(address), UInt8(width))
  }
}

/// The words of a model's memory: names, sharing, first contents.
///
/// Addresses are given out upward.
public struct WordLayout: Sendable {
  /// A named range.
  struct Region: Sendable {
    var name: String
    var address: UInt
    var bytes: Int
  }

  private(set) var regions: [Region] = []
  private(set) var sharing: [Sharing] = []
  private(set) var contents: [(address: UInt, value: UInt64)] = []

  /// No memory.
  public init() {}

  /// Adds a range, aligned to 8 bytes and rounded up to a multiple of them; returns its address.
  public mutating func add(
    _ name: String, bytes: Int = 8, _ sharing: Sharing = .shared, holding value: UInt64 = 0
  ) -> UInt {
    let address = UInt(ModelMemory.base) + UInt(self.sharing.count * 8)
    regions.append(Region(name: name, address: address, bytes: bytes))
    self.sharing += Array(repeating: sharing, count: (bytes + 7) / 8)
    if value != 0 { contents.append((address, value)) }
    return address
  }

  /// Names part of a range.
  ///
  /// The last name given to a word is the one shown.
  public mutating func name(_ name: String, at address: UInt, bytes: Int) {
    regions.append(Region(name: name, address: address, bytes: bytes))
  }

  /// Sets what a word of 8 bytes holds at first.
  public mutating func fill(_ address: UInt, with value: UInt64) {
    contents.append((address, value))
  }

  /// Says which CPUs use the word at an address.
  public mutating func share(_ address: UInt, _ sharing: Sharing) {
    self.sharing[Int(address - UInt(ModelMemory.base)) / 8] = sharing
  }

  /// The name of a word.
  func name(of address: UInt64) -> String {
    guard let region = regions.last(where: { Self.covers($0, address) }) else {
      return "0x" + String(address, radix: 16)
    }
    let offset = UInt(address) - region.address
    return offset == 0 ? region.name : "\(region.name)+\(offset)"
  }

  private static func covers(_ region: Region, _ address: UInt64) -> Bool {
    UInt64(region.address) <= address && address < UInt64(region.address) + UInt64(region.bytes)
  }
}
