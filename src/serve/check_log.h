#pragma once
#include <string>
#include <string_view>

#include "rewrite/actions.h"

namespace hikyaku::serve {

/// Of which mail a line of the log is.
struct CheckedMail {
  std::string_view id;      ///< its queue id
  std::string_view client;  ///< "mx.example.net[192.0.2.1]", or "local"
  std::string_view
      facts;  ///< " from=<a@a.example> to=<b@b.example> proto=ESMTP helo=<mx.example.net>"; escaped
};

/// What header_checks or body_checks did, as Postfix's cleanup logs it: "ID: reject: header Subject: x from
/// unknown[192.0.2.1]; from=<> to=<a@a.example> proto=ESMTP helo=<x>: 5.7.1 no".
std::string check_line(const CheckedMail& mail, const rewrite::CheckNote& note);
/// The same of milter_header_checks, whose actions are "milter-header-reject" and so on; behind the last
/// colon there may be nothing.
std::string milter_check_line(const CheckedMail& mail, const rewrite::CheckNote& note);

}  // namespace hikyaku::serve
