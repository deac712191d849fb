#pragma once
#include <string>

namespace hikyaku::milter {

/// Sends the first octet of a packet together with the packet before it. It is 0 in all of them: no packet
/// has 16 MiB. To a filter that is a packet of which the rest is still to come, as may happen on any
/// connection. A filter on libmilter with its pool of workers, as distributions build it, reads the rest
/// where it is, in the thread that the filter's answer came from; without the octet that thread gives the
/// connection up after 1 ms, and the next packet wakes the pool's controller and another worker, which costs
/// several times what filters do. One for each connection.
class HeadStart {
 public:
  /// `octets` are whole packets, and become what is to be sent now. `more`: another packet is expected soon.
  /// A worker is kept so long.
  void apply(std::string& octets, bool more) {
    if (octets.empty()) return;
    if (begun_) octets.erase(0, 1);
    begun_ = more;
    if (more) octets += '\0';
  }

 private:
  bool begun_ = false;
};

}  // namespace hikyaku::milter
