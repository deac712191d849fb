#include "serve/check_log.h"

#include <gtest/gtest.h>

namespace hikyaku::serve {
namespace {

const CheckedMail kMail{"4dXyz", "unknown[192.0.2.1]", " from=<> to=<b@b.example> proto=ESMTP helo=<x>"};

TEST(CheckLog, ALineOfHeaderChecksHasTheEnvelopeBeforeTheText) {
  EXPECT_EQ(check_line(kMail, {"reject", "header", "Subject: x", "5.7.1 no"}),
            "4dXyz: reject: header Subject: x from unknown[192.0.2.1]; from=<> to=<b@b.example> proto=ESMTP "
            "helo=<x>: 5.7.1 no");
  EXPECT_EQ(check_line({"4dXyz", "local", " from=<a@a.example>"}, {"warning", "body", "secret", ""}),
            "4dXyz: warning: body secret from local; from=<a@a.example>");
}

TEST(CheckLog, OneOfMilterHeaderChecksNamesThemAndEndsInAColonWithoutAText) {
  EXPECT_EQ(milter_check_line(kMail, {"strip", "header", "X: y", ""}),
            "4dXyz: milter-header-strip: header X: y from unknown[192.0.2.1]; from=<> to=<b@b.example> "
            "proto=ESMTP helo=<x>: ");
}

TEST(CheckLog, WhatAFilterOrAClientWroteIsEscaped) {
  EXPECT_EQ(check_line({"4dXyz", "local", ""}, {"warning", "header", "X: a\nb", "c\x01"}),
            "4dXyz: warning: header X: a\\x0ab from local;: c\\x01");
}

}  // namespace
}  // namespace hikyaku::serve
