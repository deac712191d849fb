#pragma once
#include <string>

#include "record/queue_entry.h"
#include "serve/delivery_result.h"
#include "serve/running.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// Hands a message to a command of an alias, as local(8) does: "From sender date", Return-Path, X-Original-To
/// and Delivered-To before it, line ends LF; SENDER, RECIPIENT, LOCAL, EXTENSION, DOMAIN, ORIGINAL_RECIPIENT,
/// CLIENT_* and SASL_USERNAME in its environment; as default_privs when the hub is root. Its exit status of
/// sysexits.h says what becomes of the mail: 0 delivered, EX_TEMPFAIL deferred, others bounced; one that is
/// killed, or takes longer than command_time_limit, is deferred. Blocks so long.
DeliveryResult deliver_to_command(Services& services, const Running& running, const record::QueueEntry& entry,
                                  const mail::Address& sender, const record::Recipient& recipient,
                                  const std::string& command);

}  // namespace hikyaku::serve
