#pragma once
#include <string>

#include "greylist/evaluation.h"
#include "greylist/facts.h"
#include "greylist/reasons.h"

namespace hikyaku::greylist {

/// Why mail was not put off, in milter-greylist's words for the log: "address 192.0.2.7 is whitelisted,
/// sender is not SPF-compliant".
std::string why_it_passes(const Decision& decision, const Facts& facts);

/// The same for an X-Greylist header, a format: "Sender IP whitelisted, ACL %a matched".
std::string pass_report(const Reasons& reasons);

}  // namespace hikyaku::greylist
