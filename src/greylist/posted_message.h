#pragma once
#include <string>

#include "greylist/facts.h"

namespace hikyaku::greylist {

/// A message as a form that holds a file (RFC 7578): the field "msg", the file "msg.txt".
struct PostedMessage {
  std::string content_type, body;
};

/// What of a message is looked at, for a urlcheck with `postmsg`. Pure.
PostedMessage posted_message(const Facts& facts);

}  // namespace hikyaku::greylist
