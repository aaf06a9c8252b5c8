import Testing

/// What the program says to wrong usage, and to what it cannot do.
@Suite struct BadInputTests {
  @Test(arguments: [
    (["compare", "--report", "/no/such/folder/page.html"], 1, "/no/such/folder/page.html"),
    (["compare", "--seconds", "0"], 2, "--seconds"),
    (["compare", "--switches", "1"], 2, "--switches"),
    (["compare", "--threads", "1"], 2, "--threads"),
    (["compare", "--time-limit", "0"], 2, "--time-limit"),
    (["compare", "--protocol", "hammer"], 2, "hammer"),
    (["compare", "--accounting", "none"], 2, "none"),
    (["compare", "--vcpus", "4"], 2, "--vcpus"),
    (["compare", "--guest", "--threads", "4"], 2, "--threads"),
    (["compare", "--guest", "--kernel", "5.99"], 1, "5.99"),
    (["demo", "--protocol", "hammer"], 2, "hammer"),
    (["demo", "--protocol", "barrier", "--poke", "breakpoint"], 2, "--poke"),
    (["demo", "/no/such/file"], 1, "/no/such/file"),
    (["demo", "/dev/null"], 1, "/dev/null"),
    (["demo", "/proc/self/mem"], 1, "/proc/self/mem"),
    (["demo", "--report", "/no/such/folder/page.html"], 1, "/no/such/folder/page.html"),
    (["demo", "--report", "/"], 1, "'/'"),
    (["demo", "--seconds", "0"], 2, "--seconds"),
    (["demo", "--seconds=-1"], 2, "--seconds"),
    (["demo", "--seconds", "soon"], 2, "soon"),
    (["demo", "--seconds", "nan"], 2, "--seconds"),
    (["demo", "--threads-per-cpu", "0"], 2, "--threads-per-cpu"),
    (["demo", "--poke", "hammer"], 2, "hammer"),
    (["demo", "--policy", "sometimes"], 2, "sometimes"),
    (["demo", "--policy", "auto", "--protocol", "barrier"], 2, "--policy"),
    (["demo", "--no-such-option"], 2, "--no-such-option"),
    (["no-such-command"], 2, "no-such-command"),
    (["verify", "no-such-check"], 1, "'no-such-check'"),
    (["verify", ""], 1, "''"),
    (["verify", "staged", "--cpus", "7"], 1, "--list"),
    (["verify", "--cpus", "0"], 2, "--cpus"),
    (["verify", "--cpus", "many"], 2, "many"),
    (["verify", "--jobs", "0"], 2, "--jobs"),
    (["verify", "--seconds", "0"], 2, "--seconds"),
    (["verify", "--preemptions=-1"], 2, "--preemptions"),
    (["verify", "--random", "0"], 2, "--random"),
    (["verify", "--random", "10", "--preemptions", "1"], 2, "choose one"),
    (["replay"], 2, "Usage"),
    (["replay", "/no/such/file"], 1, "/no/such/file"),
    (["replay", "/"], 1, "'/'"),
    (["replay", "/dev/null"], 1, "no schedule"),
    (["replay", "/dev/zero"], 1, "'/dev/zero'"),
    (["guest", "demo", "--kernel", "5.99"], 1, "5.99"),
    (["guest", "demo", "--report", "/no/such/folder/page.html"], 1, "/no/such/folder/page.html"),
    (["guest", "demo", "--vcpus", "1"], 2, "--vcpus"),
    (["guest", "demo", "--seconds", "nan"], 2, "--seconds"),
    (["guest", "demo", "--switches", "many"], 2, "many"),
    (["guest", "demo", "--protocol", "fastest"], 2, "fastest"),
    (["guest", "demo", "--workload", "bench"], 2, "bench"),
    (["guest", "demo", "--workload", "hackbench", "--rounds", "0"], 2, "--rounds"),
    (["guest", "demo", "--workload", "files", "--seconds", "9"], 2, "--seconds"),
    (["guest", "demo", "--workload", "files", "--switches", "9"], 2, "--rounds"),
    (["guest", "demo", "--rounds", "3"], 2, "--workload"),
    (["guest", "demo", "--policy", "auto"], 2, "--hypervisor kvm"),
    (
      ["guest", "demo", "--policy", "auto", "--hypervisor", "kvm", "--switches", "3"], 2, "--policy"
    ),
    (["guest", "demo", "--policy", "never"], 2, "never"),
    (["guest", "demo", "--dedicated"], 2, "--hypervisor kvm"),
    (["guest", "locktorture", "--vcpus", "65"], 2, "--vcpus must be between 2 and 64."),
    (["policy", "simulate"], 2, "traces"),
    (["policy", "simulate", "x", "--start", "fast"], 2, "--start"),
    (["policy", "record"], 2, "--pid"), (["policy", "record", "--pid", "0"], 2, "--pid"),
    (["policy", "record", "--guest", "--pid", "1"], 2, "--guest"),
    (["policy", "record", "--pid", "1", "--interval", "0"], 2, "--interval"),
    (["policy", "record", "--pid", "1", "--seconds", "-1"], 2, "--seconds"),
    (["inspect"], 2, "file"), (["inspect", "--no-such-flag", "x"], 2, "--no-such-flag"),
  ])
  func isNamed(arguments: [String], status: Int, names: String) throws {
    let run = try tidelock(arguments)
    #expect(run.status == status)
    #expect(run.output.isEmpty)
    #expect(run.errors.contains(names))
    // Wrong usage brings the usage with it; a failure is one sentence.
    #expect(
      status == 2 ? run.errors.contains("Usage:") : run.errors.split(separator: "\n").count == 1)
  }
}
