import Coroutines

/// A stack of saved machine states, each as many bytes as it needs.
@safe final class Snapshots {
  private let machine: Machine
  private let base: UnsafeMutableRawPointer
  private let limit: Int
  private var used = 0

  init(_ machine: Machine, limit: Int) {
    self.machine = machine
    // Untouched pages cost nothing, and are not reserved. Where address space is limited, other code
    // needs some, too. Unmapped in deinit.
    var limit = limit
    var address = coroutine_map(UInt64(limit))
    if address == 0 {
      limit = 1 << 26
      address = coroutine_map(UInt64(limit))
    }
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
      fatalError("no address space for the snapshots of a model")
    }
    self.limit = limit
    unsafe self.base = base
  }

  deinit { unsafe coroutine_unmap(UInt64(UInt(bitPattern: base)), UInt64(limit)) }

  /// Saves the state on top; nil if there is no room.
  func push() -> Int? {
    let start = used
    var size = machine.blockSize
    for cpu in 0..<machine.cpuCount {
      size += Int(machine.stackTop(cpu) - machine.cpus[cpu].stackPointer)
    }
    guard start + size <= limit else { return nil }
    unsafe (base + start).copyMemory(from: machine.block, byteCount: machine.blockSize)
    var place = start + machine.blockSize
    for cpu in 0..<machine.cpuCount {
      let pointer = machine.cpus[cpu].stackPointer
      let count = Int(machine.stackTop(cpu) - pointer)
      if let stack = unsafe UnsafeRawPointer(bitPattern: UInt(pointer)) {
        // The used part of a stack; there is room by the check above.
        unsafe (base + place).copyMemory(from: stack, byteCount: count)
      }
      place += count
    }
    used = place
    return start
  }

  /// Puts the machine back to a saved state.
  func restore(_ start: Int) {
    unsafe machine.block.copyMemory(from: base + start, byteCount: machine.blockSize)
    var place = start + machine.blockSize
    for cpu in 0..<machine.cpuCount {
      let pointer = machine.cpus[cpu].stackPointer
      let count = Int(machine.stackTop(cpu) - pointer)
      if let stack = unsafe UnsafeMutableRawPointer(bitPattern: UInt(pointer)) {
        // Where it was saved from.
        unsafe stack.copyMemory(from: base + place, byteCount: count)
      }
      place += count
    }
    machine.flaw = nil
  }

  /// Drops this snapshot and all above it.
  func pop(to start: Int) { used = start }
}
