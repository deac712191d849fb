#pragma once
#include <string>
#include <vector>

#include "base/time.h"

namespace hikyaku::serve {

/// What came of trying to deliver one message to one recipient.
struct DeliveryResult {
  enum class Kind : unsigned char {
    delivered,  ///< the next hop or the mailbox has it: it is not ours any more
    deferred,   ///< try again later
    bounced,    ///< will not work: tell the sender
  };
  Kind kind = Kind::deferred;
  std::string status;      ///< RFC 3463 code: "2.0.0"
  std::string reply;       ///< for the log, the sender and `why`: "host mx.example[192.0.2.1] said: 450 …"
  std::string relay;       ///< "mx.example[192.0.2.1]:25", "local", "none"
  std::string remote_mta;  ///< the host that answered, empty when none did
  std::string diagnostic;  ///< its reply alone: "450 4.2.1 …"
  Time begun{}, connected{}, ended{};  ///< of a conversation with the next hop; 1970: there was none
  bool in_mailbox = false;             ///< it has come to its end, and is not only handed on
  bool tells_sender = false;           ///< the next hop speaks DSN: the notice of success is its task
};

}  // namespace hikyaku::serve
