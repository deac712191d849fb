#pragma once
#include <boost/asio/awaitable.hpp>

#include "io/dkim_check.h"
#include "io/resolver.h"
#include "mail/dkim_verdict.h"

namespace hikyaku::serve {

/// Looks up the keys of a message that was handed to `check` whole, for some 15 s, and verifies it. Both must
/// live until it ends.
boost::asio::awaitable<mail::DkimVerdict> finish_dkim(io::Resolver& resolver, io::DkimCheck& check);

}  // namespace hikyaku::serve
