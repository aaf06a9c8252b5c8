import Glibc
import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock
import UserSpaceShims

extension Platform {
  /// Shared libraries with patch sites of their own.
  @Suite struct Libraries {
    /// Whenever it is loaded, a library's sites hold what the set in force wants, and they are
    /// switched with the rest.
    ///
    /// By every compiler that there is, as C and as C++.
    @Test(arguments: [["clang"], ["clang", "-x", "c++"], ["gcc"], ["gcc", "-x", "c++"]])
    func comeUpInTheSetInForce(compiler: [String]) async throws {
      let copies = (1...4).compactMap { number in
        Plugin.build(compiler.joined() + "\(number)", by: compiler)
      }
      // Debian without gcc, say; clang is part of the toolchain.
      if copies.isEmpty, compiler[0] == "gcc" { return }
      try #require(copies.count == 4)
      await #expect(processExitsWith: .success) { [copies = copies as [String]] in
        inOwnProcess {
          guard let before = Plugin(copies[0]) else { return check(false, "no library") }
          check(before.sites.count >= 2, "only \(before.sites.count) sites")
          check(before.forms.allSatisfy { $0 == nativeUnlock }, "native: \(before.forms)")

          try LockOperations.switch(to: .paravirtual)
          check(before.forms.allSatisfy(isJump), "switched: \(before.forms)")
          guard let during = Plugin(copies[1]) else { return check(false, "no library") }
          check(during.forms.allSatisfy(isJump), "loaded: \(during.forms)")
          wakeSleeper(by: before)
          wakeSleeper(by: during)

          try LockOperations.switch(to: .native)
          guard let after = Plugin(copies[2]) else { return check(false, "no library") }
          for forms in [before.forms, during.forms, after.forms] {
            check(forms.allSatisfy { $0 == nativeUnlock }, "native again: \(forms)")
          }
          try LockOperations.switch(to: .testAndSet)
          guard let last = Plugin(copies[3]) else { return check(false, "no library") }
          check(last.forms.allSatisfy { $0 == nativeUnlock }, "test-and-set: \(last.forms)")
          try LockOperations.switch(to: .native)
          try switchInAllDirections(poking: .breakpoint)
        }
      }
    }

    /// Loading and unloading goes on while switches do, and leaves nothing behind.
    @Test func comeAndGoWhileSwitching() async throws {
      let stays = try #require(Plugin.build("stays"))
      let goes = try #require(Plugin.build("goes"))
      await #expect(processExitsWith: .success) {
        [stays = stays as String, goes = goes as String] in
        inOwnProcess {
          let words = SharedWords(2)
          let (lock, counter) = (words.address(0), words.address(1))
          guard let staying = Plugin(stays) else { return check(false, "no library") }

          /// Loads, adds and unloads beside a thread that adds and one that switches; both have
          /// ended when it returns. Says how much it has added itself.
          func cycles(_ count: Int) -> Int {
            let stop = Flag()
            let worker = Workers(1) { _ in
              guard let same = Plugin(stays) else { return }
              while !stop.isRaised { same.add(10, to: counter, under: lock) }
            }
            let switching = ContinuousSwitching(poking: .store, .breakpoint)
            // What both allocate once, they have then allocated.
            wait { switching.count > 0 }
            for _ in 0..<count {
              guard let going = Plugin(goes) else {
                check(false, "no library")
                break
              }
              going.add(20, to: counter, under: lock)
              staying.add(20, to: counter, under: lock)
            }
            switching.finish()
            stop.raise()
            worker.join()
            return 40 * count
          }
          // What a switch has split and what a thread has on its stack counts only where there is
          // no switch and no thread; by the second measure what is allocated once has been.
          var added = cycles(20)
          let before = memory
          added += cycles(Sizes.libraryCycles)
          let after = memory
          // The worker adds tens, so the last digit tells of losses that the sum would hide.
          check(words[1] >= added && words[1] % 10 == 0, "\(words[1]) counted, \(added) added")
          // A leak of one mapping or page in ten cycles is seen; a heap that grows by a step is not one.
          check(after.count <= before.count + 4, "\(before) before, \(after) after")
          check(
            after.bytes <= before.bytes + (256 << 10) + UInt(Sizes.libraryCycles) * 410,
            "\(before) before, \(after) after")
        }
      }
    }

    /// A library that cannot follow takes the process back to native before its code runs, keeps
    /// it there, and is named; when it goes the process is free again.
    @Test func otherVersionKeepsNative() async throws {
      let path = try #require(Plugin.build("later", by: ["clang"], "-DOTHER_VERSION"))
      await #expect(processExitsWith: .success) { [path = path as String] in
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual)
          do {
            guard let plugin = Plugin(path) else { return check(false, "no library") }
            check(LockOperations.current, is: .native, "the set after loading")
            check(plugin.forms.allSatisfy { $0 == nativeUnlock }, "its forms: \(plugin.forms)")
            for set: LockSet in [.paravirtual, .testAndSet] {
              do throws(SwitchError) {
                try LockOperations.switch(to: set)
                check(false, "switched to \(set) with a library that cannot follow")
              } catch {
                let text = "\(error)"
                check(
                  text.contains("tidelock-plugin-later.so") && text.contains("rebuild"),
                  "the error says: \(text)")
                check(error.report.result, is: .refused, "the result")
              }
              check(LockOperations.current, is: .native, "the set after a refusal")
            }
          }
          try switchInAllDirections(poking: .store)
        }
      }
    }

    /// A library of the first version, whose file has the native form, is brought to the set in force
    /// as it is loaded, and switched with the rest.
    @Test func firstVersionFollows() async throws {
      let paths = ["first-1", "first-2"].compactMap {
        Plugin.build($0, by: ["clang"], "-DFIRST_VERSION")
      }
      try #require(paths.count == 2)
      await #expect(processExitsWith: .success) { [paths = paths as [String]] in
        inOwnProcess(inNative: false) {
          guard let first = Plugin(paths[0]) else { return check(false, "no library") }
          check(first.forms.allSatisfy(isJump), "in paravirtual: \(first.forms)")
          try LockOperations.switch(to: .native)
          check(first.forms.allSatisfy { $0 == nativeUnlock }, "in native: \(first.forms)")
          guard let second = Plugin(paths[1]) else { return check(false, "no library") }
          check(second.forms.allSatisfy { $0 == nativeUnlock }, "loaded in native: \(second.forms)")
          try switchInAllDirections(poking: .breakpoint)
          try LockOperations.switch(to: .paravirtual)
          wakeSleeper(by: first)
          wakeSleeper(by: second)
        }
      }
    }

    /// A program starts in paravirtual, libraries that come are as they are in their files, and so it
    /// goes on where no text can be written at all.
    @Test func startsInParavirtual() async throws {
      let path = try #require(Plugin.build("start"))
      await #expect(processExitsWith: .success) { [path = path as String] in
        inOwnProcess(inNative: false) {
          check(LockOperations.current, is: .paravirtual, "the set at the start")
          check(test_forbid_writable_text(0), "no seccomp")
          guard let plugin = Plugin(path) else { return check(false, "no library") }
          check(plugin.forms.allSatisfy(isJump), "its forms: \(plugin.forms)")
          wakeSleeper(by: plugin)
          let forms = (0..<test_site_count()).map { test_read_bytes(test_site_address($0), 5) }
          check(!forms.isEmpty && forms.allSatisfy(isJump), "the program's forms: \(forms)")
          check((try? LockOperations.switch(to: .native)) == nil, "text was written")
          check(LockOperations.current, is: .paravirtual, "the set after a refusal")
          wakeSleeper(by: plugin)
        }
      }
    }

    /// A library whose text cannot be written keeps the paravirtual unlock in native, and is in
    /// nobody's way.
    @Test func unwritableInNativeStaysParavirtual() async throws {
      let path = try #require(Plugin.build("unwritable-native"))
      await #expect(processExitsWith: .success) { [path = path as String] in
        inOwnProcess {
          check(test_forbid_writable_text(0), "no seccomp")
          do {
            guard let plugin = Plugin(path) else { return check(false, "no library") }
            check(plugin.forms.allSatisfy(isJump), "its forms: \(plugin.forms)")
            check(LockOperations.current, is: .native, "the set after loading")
            let words = SharedWords(2)
            plugin.add(10, to: words.address(1), under: words.address(0))
            check(words[1], is: 10, "what was added")
          }
          check(unsafe test_open(path) != 0, "it was not loaded again")
        }
      }
    }

    /// Where the file of a library has the native form, the process is in paravirtual, and the kernel
    /// no longer lets text be written, there is no way back to native either: the process goes on with test-and-set, beside which any unlock is sound.
    @Test(arguments: [false, true], [["-DFIRST_VERSION"], ["-DOTHER_VERSION"]])
    func unwritableInParavirtual(byPolicy: Bool, options: [String]) async throws {
      let name = "unwritable\(options[0])"
      let path = try #require(Plugin.build(name, by: ["clang"] + options))
      await #expect(processExitsWith: .success) {
        [byPolicy, isLater = (options == ["-DOTHER_VERSION"]) as Bool, path = path as String] in
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual)
          let words = SharedWords(2)
          let (lock, counter) = (words.address(0), words.address(1))
          tidelock_lock(lock)
          let stop = Flag()
          let worker = Workers(1) { _ in
            while !stop.isRaised {
              tidelock_lock(lock)
              words[1] += 1
              tidelock_unlock(lock)
            }
          }
          // 3: the head of the queue sleeps, and the switch waits for it.
          wait { word8(lock) == 3 }
          let isForbidden = byPolicy ? test_deny_write_and_execute() : test_forbid_writable_text(0)
          check(isForbidden, byPolicy ? "no MDWE" : "no seccomp")
          let releasing = Workers(1) { _ in
            // Sooner if nothing need be left: then the library is paravirtual.
            wait { LockOperations.current != .paravirtual || isAtGate || stop.isRaised }
            tidelock_unlock(lock)
          }
          do {
            guard let plugin = Plugin(path) else { return check(false, "not loaded") }
            let isParavirtual = plugin.forms.allSatisfy(isJump)
            check(
              LockOperations.current, is: isParavirtual && !isLater ? .paravirtual : .testAndSet,
              "the set")
            if isParavirtual && !isLater { stop.raise() }
            releasing.join()
            let before = words[1]
            plugin.add(1000, to: counter, under: lock)
            check(words[1] >= before + 1000, "\(words[1]) counted, \(before) before")
            for set: LockSet in [.native, .paravirtual] where set != LockOperations.current {
              let gateWaits = LockOperations.statistics.gateWaits
              do throws(SwitchError) {
                try LockOperations.switch(to: set)
                check(false, "switched to \(set)")
              } catch {
                check(error.report.result, is: .refused, "the result")
                let text = "\(error)"
                check(text.contains(isLater ? "rebuild" : "be written"), "the error says: \(text)")
              }
              check(LockOperations.statistics.gateWaits, is: gateWaits, "who met the gate")
            }
          }
          let harness = LockHarness(threads: 4, acquisitions: 1_000)
          check(harness.run(BareSpinlock()).isExclusive, "not exclusive")
          stop.raise()
          worker.join()
        }
      }
    }
  }
}

private var isAtGate: Bool { word32(tidelock_state_slow_path()) == 3 }

/// The number of the process's mappings, and their size without what is only reserved.
private var memory: (count: Int, bytes: UInt) {
  let lines = memoryMappings
  let sizes = lines.filter { !$0.contains("---p") }.map { line in
    let bounds = line.prefix { $0 != " " }.split(separator: "-").map { UInt($0, radix: 16) ?? 0 }
    return bounds[1] - bounds[0]
  }
  return (lines.count, sizes.reduce(0, +))
}

/// A thread sleeps in the paravirtual queue of a lock; the library's unlock must wake it.
private func wakeSleeper(by plugin: borrowing Plugin) {
  let words = SharedWords(1)
  let lock = words.address(0)
  plugin.lock(lock)
  let kicks = LockOperations.statistics.kicks
  let sleeper = Workers(1) { _ in
    tidelock_lock(lock)
    tidelock_unlock(lock)
  }
  // 3: the head of the queue sleeps.
  wait { test_read_bytes(lock, 1) == 3 }
  plugin.unlock(lock)
  sleeper.join()
  check(LockOperations.statistics.kicks > kicks, "nobody was kicked")
}
