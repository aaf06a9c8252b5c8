import Testing

/// Tests that switch the locks of the process, which is refused while another switch is under way: one at a time.
@Suite(.serialized) enum SwitchingTests {}
