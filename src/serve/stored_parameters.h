#pragma once
#include <cstdint>
#include <string>

#include "mail/parameters.h"
#include "mail/parameters_xtext.h"
#include "record/queue_entry.h"

namespace hikyaku::serve {

// The DSN parameters of a recipient (RFC 3461 s. 4) as the queue keeps them.

inline std::string stored_orcpt(const mail::RecipientParameters& parameters) {
  if (parameters.orcpt_type.empty()) return {};
  return parameters.orcpt_type + ";" + mail::xtext_encode(parameters.orcpt);
}

inline record::Notify stored_notify(std::uint8_t bits) {
  return {.never = (bits & mail::Notify::kNever) != 0,
          .success = (bits & mail::Notify::kSuccess) != 0,
          .failure = (bits & mail::Notify::kFailure) != 0,
          .delay = (bits & mail::Notify::kDelay) != 0};
}

}  // namespace hikyaku::serve
