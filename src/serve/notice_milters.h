#pragma once
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "io/deadline.h"
#include "serve/notices.h"
#include "serve/running.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// Takes the hub's own notices through non_smtpd_milters (internal_mail_filter_classes = bounce), as Postfix
/// does: as if localhost [127.0.0.1] had handed them in. What is left is to be queued: a notice that a filter
/// discards or refuses is dropped, with a line in the log; one that is put off, or whose filter fails so, is
/// held for the administrator, since nobody would hand it in again. std::nullopt: the hub ends before it is
/// known, and what the notices are about is to be found as it was at the next start.
boost::asio::awaitable<std::optional<std::vector<Notice>>> filter_notices(
    Services& services, std::shared_ptr<const Running> running, io::DeadlineSweep& sweep,
    std::vector<Notice> notices);

}  // namespace hikyaku::serve
