#pragma once
#include <cstddef>

#include "config/main_cf.h"
#include "config/master_cf.h"
#include "config/multiplexer_settings.h"

namespace hikyaku::config {

/// How many sessions an MTA has at once, at most: the process limit of its SMTP server, which is the service
/// smtpd of master.cf (inet, or pass behind postscreen) that may have most processes, by its own maxproc or
/// by default_process_limit; and where that is written. 0: there is no such service, or no limit.
Setting<std::size_t> server_processes(const Main& main, const Master& master);

}  // namespace hikyaku::config
