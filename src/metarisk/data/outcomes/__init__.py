"""What happened to patients: answers, follow-up, first events, organs told in words, and what contradicts."""
