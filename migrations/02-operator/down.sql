DROP TABLE operator_state;
DROP TABLE ledger;
DROP TABLE audit_head;
DROP TRIGGER audit_is_not_deleted;
DROP TRIGGER audit_is_not_edited;
DROP TABLE audit;
DROP TABLE incidents;
