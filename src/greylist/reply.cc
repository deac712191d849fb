#include "greylist/reply.h"

namespace hikyaku::greylist {

void take(const Decision& decision, FormatContext& context) {
  context.properties = &decision.properties;
  context.matched = context.current = decision.rule;
  context.groups = decision.groups;
  context.property = decision.property;
  context.dnsrbls = decision.dnsrbls;
  if (decision.spf) context.spf_result = text(decision.spf->status);
  if (decision.tarpit) context.tarpit = *decision.tarpit;
}

ReplyText reply_of(const Decision& decision, const Configuration& configuration, const Facts& facts,
                   FormatContext context) {
  take(decision, context);
  const bool refused = decision.action == Action::blacklist;
  const char* words = refused                     ? "Go away!"
                      : configuration.quiet.value ? "Greylisting in action, please come back later"
                                                  : "Greylisting in action, please come back in %R";
  ReplyText reply;
  reply.code = decision.values.code.value_or(refused ? "551" : "451");
  reply.ecode = decision.values.ecode.value_or("4.7.1");
  reply.ecode.front() = reply.code.front();
  context.code = reply.code;
  context.ecode = reply.ecode;
  reply.text = expand(decision.values.msg.value_or(words), facts, context);
  return reply;
}

}  // namespace hikyaku::greylist
