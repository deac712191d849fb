#pragma once
#include "greylist/configuration.h"

namespace hikyaku::greylist {

/// What of a message a configuration wants to see and to change: what it does not want is not asked of the
/// MTA.
struct Needs {
  bool header = false, body = false;
  bool changes_subject = false, changes_body = false;
  bool tarpit = false;
  bool passed = false;         ///< it asks how often mail of a sending domain has passed
  bool dkim = false;           ///< and with it header and body, whole
  bool message_rules = false;  ///< `dacl`: there is something to decide at its end
};
Needs needs_of(const Configuration& configuration);

}  // namespace hikyaku::greylist
